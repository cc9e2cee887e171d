"""Lesson 03: MBConv and the B0 network."""

from dataclasses import replace

import architecture
from architecture import B0, STAGES, Scale, plan
from exercises.cards import enter_cards
from exercises.oracles import block_on_paper, built


def shapes_on_paper(size, inputs, expand, stride, filters):
    block = block_on_paper(inputs, expand, size, stride, filters)
    wide, small = block.depthwise.inputs, block.depthwise.output_size
    return (size, size, wide), (small, small, wide), (small, small, filters), block.skip


def reference(x, expand, kernel, stride, filters):
    return built(architecture.mbconv, x, block_on_paper(x.shape[-1], expand, x.shape[1], stride, filters, kernel))


def walked_back(convs):
    """From one position of the last map back to the image: how many positions of each map it depends on."""
    seen = 1
    for kernel, stride in reversed(convs):
        seen = (seen - 1) * stride + kernel
    return seen


def copies_of_b0():
    """Copies of B0 with one mistake each, and the right one: (parameters, MACs) -> what is wrong."""
    stages = list(STAGES)
    stages[3], stages[4] = replace(STAGES[3], stride=1), replace(STAGES[4], stride=2)
    network, copies = plan("b0"), {}
    moved = plan(Scale(1.0, 1.0, 224, baseline=replace(B0, stages=tuple(stages))))
    copies["nothing"], copies["stride"] = [network.convs], [moved.convs]
    copies["squeeze"] = [[wide_squeeze(conv) for conv in network.convs]]
    dense = [replace(conv, depthwise=False) for conv in network.convs]
    large = [replace(conv, kernel=3) if "expand_conv" in conv.name else conv for conv in network.convs]
    copies["kernel"] = [dense, large]
    truth = {}
    for answer, networks in copies.items():
        for convs in networks:
            truth[sum(conv.params for conv in convs), sum(conv.macs for conv in convs)] = answer
    return truth


def wide_squeeze(conv):
    """A layer of B0 where squeeze-and-excitation narrows to a quarter of the wide channels."""
    if "se_reduce" in conv.name:
        return replace(conv, filters=conv.inputs // 4)
    return replace(conv, inputs=conv.filters // 4) if "se_expand" in conv.name else conv


COPIES = copies_of_b0()

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
✗ stride == 1 -> stride != 2 # the skip needs equal shapes at both ends, so stride 1 and no other
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
✗ uniform < survival -> uniform > survival # turned round: that keeps the share that should be dropped
✗ uniform < survival -> uniform < rate # that drops with probability 1 - rate; rate is the share dropped
✗ / survival -> / rate # divide by the share that survives, 1 - rate
✗ inputs + survives -> survives # the input is missing; it passes through the skip connection
✗ inputs + survives[:, None, None, None] * branch -> survives[:, None, None, None] * (inputs + branch)
  # only the branch is dropped and scaled; the input passes
✗ [:, None, None, None] -> # one decision for each image needs the shape (n, 1, 1, 1): [:, None, None, None]
✓ whole branches, scaled survivors, the input untouched, for 5 rates; at rate 0 a plain sum.

03.3 build: Write MBConv in Keras
def keras_mbconv(x, expand, kernel, stride, filters):
    """An MBConv block with fresh weights. x: (n, size, size, channels). Returns (n, size / stride, ..., filters)."""
    keras.utils.set_random_seed(0)  # equal layers, made in equal order, get equal weights
    before, channels = x, x.shape[-1]
    x = «layers.Conv2D(expand * channels, 1, use_bias=False)(x)»
    x = layers.Activation("silu")(layers.BatchNormalization()(x))
    x = «layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False)(x)»
    x = layers.Activation("silu")(layers.BatchNormalization()(x))
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(«channels // 4», 1, activation="silu")(gate)
    gate = layers.Conv2D(expand * channels, 1, activation="sigmoid")(gate)
    x = layers.Multiply()([x, gate])
    x = «layers.Conv2D(filters, 1, use_bias=False)(x)»
    x = «layers.BatchNormalization()(x)»
    if «stride == 1 and channels == filters»:
        x = layers.Add()([before, x])
    return x
? Expand is Conv2D with 1 x 1 kernels and expand * channels filters; batch norm follows, so use_bias=False.
? DepthwiseConv2D(kernel, stride, padding="same", use_bias=False) keeps the number of channels.
? The gates narrow to a quarter of the block's input: channels // 4. Project: is it linear, or does "silu" follow?
? Only maps of one shape can be added: the stride is 1, and there are as many filters as channels.
> (rng.normal(size=(2, 7, 7, 8)).astype("float32"), 4, 3, 1, 8),
  (rng.normal(size=(2, 7, 7, 8)).astype("float32"), 6, 5, 2, 8),
  (rng.normal(size=(2, 5, 5, 8)).astype("float32"), 6, 3, 1, 12)
= reference(x, expand, kernel, stride, filters)
~ x = layers.Add()([before, x]) -> x = before + x
✗ expand * channels, 1, use_bias -> expand * channels, 3, padding="same", use_bias
  # expand only mixes the channels: its kernels are 1 x 1
✗ DepthwiseConv2D(kernel, stride -> Conv2D(expand * channels, kernel, stride
  # that is a dense convolution; DepthwiseConv2D filters each channel for itself
✗ kernel, stride, padding -> kernel, padding # the stride is missing in the depthwise convolution
✗ kernel, stride, padding="same" -> kernel, stride # the map shrinks at its border; padding="same" keeps its size
✗ DepthwiseConv2D(kernel -> DepthwiseConv2D(3 # the depthwise kernels are kernel x kernel, not always 3 x 3
✗ channels // 4 -> expand * channels // 4 # squeeze to a quarter of the block's input channels, not of the wide ones
✗ expand * channels, 1, use_bias=False -> expand * channels, 1; "same", use_bias=False -> "same"
  # batch norm follows and has a shift of its own: use_bias=False
✗ x = layers.BatchNormalization()(x) -> x = layers.Activation("silu")(layers.BatchNormalization()(x))
  # no activation follows project: the bottleneck is linear
✗ x = layers.BatchNormalization()(x) -> x = x # after project, too, comes batch norm
✗ stride == 1 and -> # a smaller map cannot be added to its input: the skip needs stride 1
✗ and channels == filters -> # maps with different channels cannot be added: the skip needs channels == filters
✗ stride == 1 and channels == filters -> False # the skip connection is missing
✓ equals architecture.mbconv, number by number, with a skip, with a stride, and with other channels.

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
✗ seen, step = 1, 1 -> seen, step = 0, 1 # a position sees one pixel before the first layer: start at 1
✓ one position of B0's last map sees a square of 851 pixels a side; the photo has 224.

03.5 decide: What is wrong with this B0?
def diagnose(params, macs):
    """What is wrong with somebody's B0, by its counts: "nothing", "stride", "squeeze" or "kernel".

    stride: a stride of 2 is in the wrong stage. squeeze: the gates narrow to a quarter of the wide channels.
    kernel: some convolutions are dense, or 3 x 3, that should not be.
    """
    right = plan("b0")
    if «(params, macs) == (right.params, right.macs)»:
        return "nothing"
    if «params == right.params»:
        return "stride"
    if «macs < 1.05 * right.macs»:
        return "squeeze"
    return "kernel"
? A stride changes the size of the maps. Does it change the number of weights?
? Squeeze-and-excitation works on one number a channel, not on a map: many weights, hardly any MACs.
? A larger kernel costs its weights at every position of the map: many weights, and many more MACs.
> (5330564, 385814752), (5330564, 516350752), (8465864, 388948192), (163156868, 15332130304), (15357572,
  1715278048)
= COPIES[params, macs]
✗ (params, macs) == (right.params, right.macs) -> params == right.params
  # equal parameters do not prove it right: a stride has none; compare the MACs too
✗ if params == right.params -> if macs == right.macs # a stride in the wrong stage changes the MACs, not the parameters
✗ macs < 1.05 * right.macs -> params < 1.05 * right.params
  # wide gates cost parameters; what they hardly cost is MACs
✗ macs < -> macs > # it is the gates that hardly cost MACs; wrong kernels cost many
✓ two counts, four diagnoses. The 8.5 million parameters and the 163 million are real cases.
''',
    globals(),
)
