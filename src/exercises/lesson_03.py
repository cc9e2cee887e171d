"""Lesson 03: MBConv and the B0 network."""

import numpy as np

from architecture import Conv
from exercises.cards import block_on_paper, enter_cards


def shapes_on_paper(size, inputs, expand, stride, filters):
    block = block_on_paper(inputs, expand, size, stride, filters)
    wide, small = block.depthwise.inputs, block.depthwise.output_size
    return (size, size, wide), (small, small, wide), (small, small, filters), block.skip


def measured(kernel, gamma, beta, mean, variance, epsilon):
    """Kernel and bias, by sending zeros, and then one channel at a time, through both layers."""
    images = np.concatenate([np.zeros((1, len(mean))), np.eye(len(mean))])
    outputs = ((images - mean) / np.sqrt(variance + epsilon) * gamma + beta) @ kernel[0, 0]
    return (outputs[1:] - outputs[0])[None, None], outputs[0]


def walked_back(convs):
    """From one position of the last map back to the image: how many positions of each map it depends on."""
    seen = 1
    for kernel, stride in reversed(convs):
        seen = (seen - 1) * stride + kernel
    return seen


def dense_over_mbconv(kernel, channels):
    dense = Conv("dense", channels, channels, 14, kernel)
    depthwise = Conv("depthwise", channels, channels, 14, kernel, depthwise=True)
    pointwise = Conv("pointwise", channels, channels, 14)
    return dense.macs / (2 * pointwise.macs + depthwise.macs)  # an MBConv costs ratio times as much as with ratio 1


enter_cards(
    '''
03.1 recall: Shapes through a block
def mbconv_shapes(size, inputs, expand, stride, filters):
    """Shapes (height, width, channels) of an MBConv's expanded, filtered and projected maps; whether it has a skip."""
    wide, small = «inputs * expand», «math.ceil(size / stride)»
    expanded = «(size, size, wide)»
    filtered = «(small, small, wide)»
    projected = «(small, small, filters)»
    has_skip = «stride == 1 and inputs == filters»
    return expanded, filtered, projected, has_skip
? Expand changes the channels only, depthwise the resolution only, project the channels only.
? The stride is in the depthwise convolution; with "same" padding it leaves size / stride pixels, rounded up.
? Only maps of the same shape can be added: the stride is 1, and there are as many filters as inputs.
> (15, 24, 6, 2, 40), (7, 192, 6, 1, 320), (9, 16, 4, 1, 16), (8, 16, 3, 2, 16), (13, 24, 6, 2, 40), (11, 16, 6, 3, 16),
  (9, 16, 1, 1, 16), *((block.depthwise.size, (block.expand or block.depthwise).inputs, 6 if block.expand else 1,
  block.depthwise.stride, block.project.filters) for block in plan("b0").blocks)
= shapes_on_paper(size, inputs, expand, stride, filters)
→ expanded, filtered, projected, has_skip
✗ math.ceil(size / stride) -> size // stride # the size was rounded down; with "same" padding, round up
✗ math.ceil(size / stride) -> round(size / stride) # the size was rounded to the nearest; with "same" padding, round up
✗ math.ceil(size / stride) -> (size + 1) // stride # with "same" padding, size / stride pixels are left, rounded up
✗ math.ceil(size / stride) -> size // stride + 1 # one pixel too many where the stride divides the size
✗ expanded = (size, size -> expanded = (small, small # the stride is in the depthwise convolution, after expand
✗ filtered = (small, small -> filtered = (size, size # the stride is in the depthwise convolution: the map gets smaller
✗ expanded = (size, size, wide) -> expanded = (size, size, inputs) # those are the input's channels
✗ expanded = (size, size, wide) -> expanded = (size, size, filters) # the channels stay wide until project
✗ (small, small, filters) -> (small, small, wide) # project brings the channels to filters
✗ stride == 1 and -> # the skip needs equal shapes at both ends, so stride 1
✗ and inputs == filters -> # the skip needs equal shapes at both ends, so as many filters as inputs
✗ stride == 1 -> stride < 3 # the skip needs equal shapes at both ends, so stride 1 and no other
✗ stride == 1 -> stride != 2 # the skip needs equal shapes at both ends, so stride 1 and no other
✗ stride == 1 -> expand > 1 and stride == 1 # the skip needs equal shapes at both ends, whatever expand is
✓ equals the plan for all 16 blocks of B0, and for odd sizes.

03.2 modify: Stochastic depth, image by image
def stochastic_depth(inputs, branch, rate, uniform):
    """inputs + branch, where each image loses its branch with probability `rate`, with the mean kept.

    inputs, branch: (n, h, w, c); uniform: (n,), a random number between 0 and 1 for each image.
    """
    survival = «1 - rate»
    survives = «uniform < survival»
    return inputs + «survives[:, None, None, None] * branch / survival»
? uniform < 0.8 is true for 80 % of random numbers between 0 and 1.
? One decision for each image: give it the shape (n, 1, 1, 1), and it applies to all of the image's numbers.
? If 80 % of the branches survive, each must count 1 / 0.8 times. The input stays as it is.
> *((*rng.normal(size=(2, n, 2, 3, 4)), rate, rng.permutation((np.arange(n) + 0.5) / n)) for n, rate in
  ((10, 0.2), (8, 0.5), (20, 0.1), (4, 0.0))), (*rng.normal(size=(2, 4, 2, 3, 4)), 0.25, np.array([0.9, 0.8, 0.6, 0.4]))
= inputs + np.einsum("nhwc,n->nhwc", branch, (uniform < 1 - rate) / (1 - rate))
~ uniform < survival -> uniform >= rate
✗ * branch / survival -> * branch # the survivors must be scaled, or the mean shrinks; divide by 1 - rate
✗ / survival -> * survival # multiply and the mean shrinks twice; divide by 1 - rate
✗ 1 - rate -> rate # survival is 1 - rate; rate is the share dropped
✗ uniform < survival -> uniform < rate # that drops with probability 1 - rate; rate is the share dropped
✗ / survival -> / rate # divide by the share that survives, 1 - rate
✗ inputs + survives -> survives # the input is missing; it passes through the skip connection
✗ inputs + survives[:, None, None, None] * branch -> survives[:, None, None, None] * (inputs + branch)
  # only the branch is dropped and scaled; the input passes
✗ uniform < survival -> uniform.argsort().argsort() < len(uniform) * survival
  # each image has its own chance; how many survive is not fixed
✗ [:, None, None, None] -> # one decision for each image needs the shape (n, 1, 1, 1): [:, None, None, None]
✗ uniform < survival -> uniform >= rate; inputs + survives -> survives
  # the input is missing; it passes through the skip connection
✗ uniform < survival -> uniform >= rate; * branch / survival -> * branch
  # the survivors must be scaled, or the mean shrinks; divide by 1 - rate
✗ uniform < survival -> uniform >= rate; / survival -> * survival
  # multiply and the mean shrinks twice; divide by 1 - rate
✓ whole branches, scaled survivors, the input untouched, for 5 rates; at rate 0 a plain sum.

03.3 modify: Fold a normalization that comes first
def fold_before(kernel, gamma, beta, mean, variance, epsilon=1e-3):
    """The 1 x 1 convolution that equals batch normalization followed by a 1 x 1 convolution without bias.

    kernel: (1, 1, c, n); gamma, beta, mean, variance: (c,). Returns kernel (1, 1, c, n) and bias (n,).
    """
    scale = «gamma / np.sqrt(variance + epsilon)»
    shift = «beta - mean * scale»
    return «kernel * scale[:, None]», «shift @ kernel[0, 0]»
? Batch normalization is x * scale + shift for each input channel. Find scale and shift first.
? Each row of the kernel, one for each input channel, is multiplied by that channel's scale.
? The shifts are a constant input: send them through the kernel, and you have the bias.
> *((rng.normal(size=(1, 1, c, n)), rng.uniform(0.5, 1.5, c), rng.normal(size=c), rng.normal(size=c),
  rng.uniform(0.5, 1.5, c), 0.1) for c, n in ((4, 6), (5, 5), (7, 2)))
= measured(kernel, gamma, beta, mean, variance, epsilon)
→ kernel, bias
✗ variance + epsilon -> variance # epsilon is missing under the root
✗ np.sqrt(variance + epsilon) -> (variance + epsilon) # divide by the standard deviation: the root is missing
✗ kernel * scale[:, None] -> kernel / scale[:, None] # multiply the kernel by the scale
✗ scale[:, None] -> scale # the scale belongs to the input channels: scale[:, None]
✗ kernel * scale[:, None] -> kernel # the scale is missing in the kernel
✗ shift @ kernel[0, 0] -> shift # those are the shifts of the inputs; send them through the kernel
✗ shift @ kernel[0, 0] -> shift @ (kernel * scale[:, None])[0, 0]
  # send the shifts through the kernel as it was: they are scaled already
✗ beta - mean * scale -> beta # the mean is missing
✗ beta - mean * scale -> beta - mean # the mean is divided by the standard deviation too
✗ beta - mean * scale -> beta + mean * scale # the mean is subtracted
✓ equal outputs for 3 shapes. With zero padding and a larger kernel the border would differ.

03.4 derive: How far can a position see?
def receptive_field(convs):
    """Side, in pixels of the image, of the square that one position of the last map depends on.

    convs: a list of (kernel, stride), one for each convolution, first to last.
    """
    seen, step = 1, 1  # pixels seen, and pixels between neighbours
    for kernel, stride in convs:
        seen += «(kernel - 1) * step»
        step *= «stride»
    return seen
? A 3 x 3 kernel sees its neighbours to the left and right. How many image pixels apart are they?
? Neighbours are as many pixels apart as the product of the strides of all layers before.
? So a layer adds (kernel - 1) * step pixels, and then its stride multiplies the step.
> ([(3, 1)],), ([(3, 1), (3, 1)],), ([(3, 2), (3, 1)],), ([(5, 2), (1, 1), (3, 2), (5, 1)],),
  ([(4, 3), (2, 1), (3, 2)],), ([(1, 1)],), ([(conv.kernel, conv.stride) for conv in plan("b0").convs
  if "_se_" not in conv.name and conv.name != "predictions"],)
= walked_back(convs)
✗ (kernel - 1) * step -> (kernel - 1) # after a stride, neighbours are further apart; multiply by the step
✗ (kernel - 1) * step -> kernel * step # a kernel adds kernel - 1
✗ (kernel - 1) * step -> (kernel - 1) * step * stride # a layer's own stride only moves the layers after it apart
✗ step *= stride -> step += stride - 1 # strides multiply
✗ step *= stride -> step = stride # the strides of all layers before count: multiply them
✗ seen += -> seen = # each layer adds to what is seen: += and not =
✗ seen, step = 1, 1 -> seen, step = 0, 1 # a position sees one pixel before the first layer: start at 1
✗ step *= stride -> step *= min(stride, 2) # a stride may be larger than 2: multiply by the stride
✓ one position of B0's last map sees a square of 851 pixels a side; the photo has 224.

03.5 derive: When is an MBConv cheaper?
def break_even(kernel, channels):
    """The expand ratio at which an MBConv costs as many MACs as a dense convolution.

    Both have stride 1, `channels` in and out, and kernels of kernel x kernel; squeeze-and-excitation is left out.
    """
    return «kernel**2 * channels / (2 * channels + kernel**2)»
? Count MACs for one pixel. Dense: k² C². For the MBConv with ratio e, add expand, depthwise and project.
? Expand and project cost e C² each, depthwise k² e C.
? Set k² C² = e (2 C² + k² C), solve for e, and cancel one C.
> (3, 24), (5, 40), (3, 80), (5, 112), (3, 8), (7, 16)
= dense_over_mbconv(kernel, channels)
✗ (2 * channels + kernel**2) / (kernel**2 * channels) # that is MBConv over dense; solve for the ratio
✗ kernel**2 / 2 # that is without the depthwise convolution, which costs k² e C
✗ kernel**2 * channels / (channels + kernel**2) # expand and project cost e C² each; that is twice
✗ kernel * channels / (2 * channels + kernel) # a kernel has kernel x kernel weights; square it
✗ channels # that is without expand and project, which cost e C² each
✗ kernel**2 * channels / 2 * channels + kernel**2 # the whole sum is below the line: put it in brackets
✓ for 3 x 3 and 24 channels the ratio is 3.8, for 5 x 5 and 112 it is 11.2: with ratio 6, MBConv is the dearer one at 3
  x 3, but it filters 6 times as many channels.
''',
    globals(),
)
