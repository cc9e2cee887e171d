"""Lesson 01: depthwise convolution."""

import numpy as np

from architecture import Conv
from exercises.cards import enter_cards


def shifted_sum(image, kernels):
    """A depthwise convolution without loops over pixels: one shifted, weighted image per position in the kernel."""
    (h, w, _), k = image.shape, len(kernels)
    padded = np.pad(image, [(k // 2, k // 2), (k // 2, k // 2), (0, 0)])
    return sum(padded[i : i + h, j : j + w] * kernels[i, j] for i in range(k) for j in range(k))


def product(kernels):
    """Shapes and product of a depthwise and a pointwise kernel: a factor may stand in either of them."""
    depthwise, pointwise = map(np.asarray, kernels)
    return depthwise.shape, pointwise.shape, depthwise * pointwise


def by_eigenvectors(kernel):
    """The closest kernel of rank one without an SVD: projects on the eigenvector of the largest eigenvalue."""
    k, _, channels, filters = kernel.shape
    depthwise, pointwise = np.zeros((k, k, channels, 1)), np.zeros((1, 1, channels, filters))
    for c in range(channels):
        matrix = kernel[:, :, c].reshape(-1, filters)
        direction = np.linalg.eigh(matrix.T @ matrix)[1][:, -1]
        depthwise[:, :, c, 0], pointwise[0, 0, c] = (matrix @ direction).reshape(k, k), direction
    return depthwise, pointwise


def saved_on_paper(channels, kernel, peak, bandwidth):
    """The same from Convs of the plan, on an image of one pixel."""
    times = []
    for size, depthwise in ((kernel, False), (kernel, True), (1, False)):
        conv = Conv("layer", channels, channels, 1, size, depthwise=depthwise)
        times.append(max(conv.macs / peak, 4 * (conv.inputs + conv.activations) / bandwidth))
    dense, *halves = times
    return dense - sum(halves)


enter_cards(
    '''
01.1 recall: Count a convolution
def conv_macs(size, kernel, inputs, filters, stride, groups=1):
    """MACs of a kernel x kernel convolution of a (size, size, inputs) image, with "same" padding."""
    output_size = «math.ceil(size / stride)»
    weights_per_filter = «kernel**2 * inputs // groups»
    return «output_size**2 * filters * weights_per_filter»
? Every number of the output costs one MAC for each weight of its filter.
? With "same" padding the output has size / stride pixels on a side, rounded up.
? A filter sees only the inputs of its group: kernel**2 * inputs / groups weights.
> (56, 3, 24, 48, 1, 1), (14, 1, 96, 40, 1, 1), (28, 5, 16, 16, 2, 1), (7, 3, 8, 32, 2, 1),
  (28, 3, 48, 48, 1, 48), (15, 5, 12, 24, 2, 4), (9, 3, 4, 6, 2, 1), (11, 3, 4, 6, 3, 1), (9, 3, 4, 6, 1)
= groups * Conv("group", inputs // groups, filters // groups, size, kernel, stride).macs
✗ math.ceil(size / stride) -> size // stride # the output was rounded down; with "same" padding, round up
✗ math.ceil(size / stride) -> round(size / stride) # the output was rounded to the nearest; with "same", round up
✗ math.ceil(size / stride) -> (size - kernel) // stride + 1 # that is "valid" padding; with "same", size / stride
✗ math.ceil(size / stride) -> size // stride + 1 # one pixel too many where the stride divides the size
✗ inputs // groups -> inputs # your groups save nothing: a filter sees inputs / groups channels
✗ math.ceil(size / stride) -> size / stride # there is no half pixel: round up
✗ output_size**2 * -> output_size * # the output has rows and columns: square its size
✗ output_size**2 * filters * -> output_size**2 * # each of the filters makes an output of its own
✗ * filters * -> * filters // groups * # divided by groups twice; every filter is still computed once
✗ kernel**2 -> kernel # a kernel has kernel x kernel weights; square it
✗ output_size**2 -> size**2 # a stride leaves fewer outputs; count the pixels of the output
✗ output_size**2 * filters -> filters # those are the weights; each is used once per output pixel
✗ * inputs // groups -> # a filter sums over its input channels too
✗ return -> return 2 * # one multiplication and one addition together are one MAC
✓ equals the plan's count on 8 layers: dense, strided, depthwise and grouped.

01.2 build: Depthwise convolution in loops
def depthwise_loops(image, kernels):
    """Filters each channel with its own kernel: stride 1, zeros around ("same").

    image: (h, w, c), kernels: (k, k, c) with odd k. Returns (h, w, c).
    """
    h, w, c = image.shape
    k = len(kernels)
    padded = np.pad(image, [(k // 2, k // 2), (k // 2, k // 2), (0, 0)])
    output = np.zeros((h, w, c))
    for y in range(h):
        for x in range(w):
            for channel in range(c):
                patch = «padded[y : y + k, x : x + k, channel]»
                output[y, x, channel] = «np.sum(patch * kernels[:, :, channel])»
    return output
? The dense convolution sums over the window and over all channels. Which of the two sums goes?
? The patch is (k, k): the window whose corner in the padded image is (y, x), in one channel only.
? patch = padded[y : y + k, x : x + k, channel]; multiply it by kernels[:, :, channel] and sum.
> *((rng.normal(size=(h, w, c)), rng.normal(size=(k, k, c))) for h, w, c, k in
  ((5, 7, 3, 3), (6, 4, 2, 5), (4, 4, 1, 3), (3, 5, 4, 1)))
= shifted_sum(image, kernels)
✗ x : x + k, channel] -> x : x + k]; kernels[:, :, channel] -> kernels # a patch holds one channel, not all of them
✗ x : x + k, channel] -> x : x + k] # the patch holds all channels: cut out one, as of the kernel
✗ kernels[:, :, channel] -> kernels[channel] # that is a row of the kernel; the channel is its last axis
✗ kernels[:, :, channel] -> kernels[::-1, ::-1, channel] # the kernel is upside down; deep learning does not flip it
✗ kernels[:, :, channel] -> kernels[:, :, channel].T # rows and columns of the kernel are swapped
✗ kernels[:, :, channel] -> kernels[:, :, 0] # each channel has its own kernel: [:, :, channel]
✗ padded[y -> image[y # the window hangs over the edge: cut it out of `padded`, which has zeros around the image
✗ np.sum( -> np.mean( # that is the mean over the window; sum
✗ (0, 0)]) -> (0, 0)], mode="edge") # the border was repeated; pad with zeros
✗ output[y, x, channel] = -> return # that returns at the first pixel: assign to output[y, x, channel]
✓ equals a sum of shifted images, for 4 shapes of image and kernel.

01.3 derive: The speed limit of a layer
def macs_per_byte(kernel, channels, depthwise):
    """MACs for each byte moved, in a layer with as many filters as channels, stride 1 and float32 numbers.

    It reads its input and writes its output once; there are so many pixels that the weights do not count.
    """
    macs_per_pixel = «kernel**2 * channels * (1 if depthwise else channels)»
    bytes_per_pixel = «2 * 4 * channels»
    return «macs_per_pixel / bytes_per_pixel»
? Both counts are for one pixel, all channels. A depthwise filter sees one channel, a dense one all of them.
? For one pixel, `channels` numbers of 4 bytes are read and as many are written.
? MACs: kernel² · channels, times channels again unless depthwise. Bytes: 2 · 4 · channels. Divide.
> (3, 96, True), (3, 96, False), (1, 96, False), (5, 40, True), (7, 16, False), (1, 480, False)
= Conv("layer", channels, channels, 56, kernel, depthwise=depthwise).macs / (2 * 4 * 56**2 * channels)
✗ macs_per_pixel / bytes_per_pixel -> bytes_per_pixel / macs_per_pixel # that is bytes for each MAC; turn it over
✗ kernel**2 -> kernel # a kernel has kernel x kernel weights; square it
✗ 1 if depthwise else channels -> channels # a depthwise filter sees one channel
✗ 1 if depthwise else channels -> 1 # a filter of a dense layer sees all channels
✗ 2 * 4 * -> 4 * # the input is read and the output is written; count both, and a MAC once
✗ 2 * 4 * -> 2 * # a float32 number has 4 bytes
✗ 2 * 4 * channels -> 2 * 4 # that is one number in and one out; each pixel has `channels` of them
✗ 2 * 4 * channels -> 4 * channels * (kernel**2 + 1) # each input is read once, not once for each weight
✗ 2 * 4 * channels -> channels # the input is read and the output is written, and each number has 4 bytes
✗ 2 * 4 * -> 2 * 32 * # those are MACs for each bit; a float32 number has 4 bytes
✓ equals the plan's count on 6 layers. A depthwise one has k²/8, however wide it is.

01.4 decide: Does separating save time?
def seconds_saved(channels, kernel, peak, bandwidth):
    """Seconds that separating a layer saves for each pixel of a large image; below 0 if it costs time.

    The layer has as many filters as channels, stride 1 and float32 numbers. On the roofline a layer takes the longer of
    two times: for its MACs, at `peak` MACs a second, and for reading its input and writing its output once, at
    `bandwidth` bytes a second.
    """
    moving = «2 * 4 * channels / bandwidth»
    dense = max(moving, «kernel**2 * channels**2 / peak»)
    depthwise = max(moving, «kernel**2 * channels / peak»)
    pointwise = max(moving, «channels**2 / peak»)
    return «dense - depthwise - pointwise»
? Each pixel has `channels` numbers of 4 bytes that go in, and as many that come out.
? For each pixel a dense layer does kernel² · channels² MACs, a depthwise one kernel² · channels, a pointwise one
  channels².
? The two halves run one after the other: their times add up.
> (480, 3, 1e11, 2e10), (480, 5, 1e11, 2e10), (16, 3, 1e11, 2e10), (96, 3, 2e10, 5e9), (8, 5, 1e12, 1e10),
  (32, 3, 1e10, 1e11), (64, 7, 1e12, 1e12)
= saved_on_paper(channels, kernel, peak, bandwidth)
✗ 2 * 4 * channels -> 4 * channels # the output must be written, too: twice as many numbers
✗ 2 * 4 * channels -> 2 * 4 # each pixel has `channels` numbers
✗ 2 * 4 * channels -> 2 * channels # a float32 number has 4 bytes
✗ kernel**2 * channels**2 / peak -> kernel**2 * channels / peak # a dense layer sums over all channels, for every filter
✗ kernel**2 * channels**2 -> kernel * channels**2 # a kernel has kernel x kernel weights; square it
✗ (moving, channels**2 / peak) -> (moving, channels / peak) # a pointwise layer sums over all channels, for every filter
✗ dense - depthwise - pointwise -> dense - max(depthwise, pointwise) # the halves run one after the other: add their
  times
✗ dense - depthwise - pointwise -> dense - depthwise # the pointwise half takes time, too
✗ dense - depthwise - pointwise -> depthwise + pointwise - dense # the sign: what is saved is above 0
✗ dense = max(moving, kernel**2 * channels**2 / peak) -> dense = kernel**2 * channels**2 / peak # a dense layer moves
  bytes, too: take the longer time
✗ depthwise = max(moving, kernel**2 * channels / peak) -> depthwise = kernel**2 * channels / peak # the depthwise half
  waits for the memory: take the longer time
✓ equals the plan's count on 7 layers and machines. Now call it for the 8 channels: does it save time, and why?

01.5 derive: The closest separable kernel
def largest_rank_one(kernel):
    """The depthwise and pointwise kernels whose product is closest to a dense kernel, in squared error.

    kernel: (k, k, C, N). Returns (k, k, C, 1) and (1, 1, C, N).
    """
    k, _, C, N = kernel.shape
    depthwise_kernel, pointwise_kernel = np.zeros((k, k, C, 1)), np.zeros((1, 1, C, N))
    for c in range(C):
        u, s, vt = «np.linalg.svd(kernel[:, :, c].reshape(k * k, N), full_matrices=False)»
        depthwise_kernel[:, :, c, 0] = «u[:, 0].reshape(k, k)»
        pointwise_kernel[0, 0, c] = «s[0] * vt[0]»
    return depthwise_kernel, pointwise_kernel
? For one input channel, a dense kernel is a matrix of k² rows and N columns; a separable one has rank one.
? The closest matrix of rank one is the first singular triple: s[0] times the outer product of u[:, 0] and vt[0].
? u[:, 0], reshaped to (k, k), is the depthwise kernel; s[0] * vt[0] is the pointwise one. Take s[0] along once.
> *((rng.normal(size=shape),) for shape in ((3, 3, 4, 6), (5, 5, 3, 2), (1, 1, 3, 4))),
  (rng.normal(size=(3, 3, 2, 1)) * rng.normal(size=(1, 1, 2, 5)),)
= by_eigenvectors(kernel)
→ shape of the depthwise kernel, shape of the pointwise kernel, product # product
✗ s[0] * -> # both directions are right, their length is not; take s[0] along exactly once
✗ = u[:, 0] -> = s[0] * u[:, 0] # both directions are right, their length is not; take s[0] along exactly once
✗ vt[0] -> vt[:, 0] # singular vectors are the rows of vt; take the first row, vt[0]
✗ u[:, 0] -> u[0] # singular vectors are the columns of u; take the first column, u[:, 0]
✗ u[:, 0] -> u[:, -1]; s[0] * vt[0] -> s[-1] * vt[-1] # that is the smallest singular triple; the largest comes first
✗ kernel[:, :, c].reshape -> kernel[:, :, 0].reshape # one SVD per input channel, of the (k², N) matrix
✗ return depthwise_kernel, pointwise_kernel -> return depthwise_kernel * pointwise_kernel # return both kernels
✗ s[0] * vt[0] -> np.sqrt(s[0] * vt[0]) # not numbers: is there a root of something negative?
✓ no separable kernel is closer, for 4 dense kernels; a separable one comes back exactly.
''',
    globals(),
)
