"""Lesson 07: from notebook to the world."""

import numpy as np

from exercises.cards import enter_cards


def measured(kernel, gamma, beta, mean, variance, epsilon):
    """Kernel and bias, by sending zeros, and then one channel at a time, through both layers."""
    images = np.concatenate([np.zeros((1, len(mean))), np.eye(len(mean))])
    outputs = ((images - mean) / np.sqrt(variance + epsilon) * gamma + beta) @ kernel[0, 0]
    return (outputs[1:] - outputs[0])[None, None], outputs[0]


def fastest(files, megabytes, points):
    """The names of the files that fit and are accurate enough, in order of time."""
    accurate = max(file[3] for file in files) - points
    fitting = [file for file in files if file[1] / 1e6 <= megabytes and file[3] >= accurate]
    return min(fitting, key=lambda file: file[2])[0] if fitting else None


enter_cards(
    '''
07.1 recall: To eight bits and back
def round_trip(r, scale, zero):
    """The numbers r as 8-bit integers from -128 to 127, and what they stand for. r: any shape; returns two arrays.

    scale: how far two neighbouring integers are apart; zero: the integer that stands for 0.
    """
    q = «np.clip(np.round(r / scale) + zero, -128, 127)»
    back = «scale * (q - zero)»
    return q, back
? Divide by the scale, round, shift by the zero point. What happens to a number outside the range?
? np.clip keeps the integers between -128 and 127. On the way back, undo the shift first, then the scale.
> *((rng.normal(0, 150 * scale, shape), scale, zero) for shape, scale, zero in
  (((40,), 0.05, 0), ((6, 7), 0.02, -100), ((3, 4, 5), 0.1, 31)))
= [integers := np.minimum(np.maximum(np.rint(r / scale + zero), -128), 127), integers * scale - zero * scale]
→ integers, back
✗ np.clip(np.round(r / scale) + zero, -128, 127) -> np.round(r / scale) + zero
  # the integers leave the range from -128 to 127: clip them
✗ np.round(r / scale) -> r / scale # the integers are not rounded
✗ np.round(r / scale) -> np.trunc(r / scale) # round to the nearest; astype(int) cuts off
✗ np.round(r / scale) -> np.floor(r / scale) # round to the nearest, not down
✗ np.round(r / scale) -> np.round(r * scale) # divide by the scale
✗ -128, 127 -> 0, 255 # the integers run from -128 to 127 here
✗ -128, 127 -> -127, 127 # the smallest integer is -128
✗ + zero -> # the zero point is missing
✗ + zero, -128, 127) -> , -128, 127) + zero # clip after the zero point is added
✗ np.clip(np.round(r / scale) + zero, -128, 127) -> (np.round(r / scale) + zero).astype(int).astype(np.int8)
  # astype(np.int8) starts again at the other end: clip first
✗ -128, 127) -> -128, 127).astype(np.int8) # q - zero overflows in int8: leave q a float
✗ scale * (q - zero) -> scale * q # on the way back the zero point must be subtracted first
✗ scale * (q - zero) -> scale * q - zero # subtract the zero point first, then multiply
✗ scale * (q - zero) -> (q - zero) / scale # multiply by the scale on the way back
✗ return q, back -> return back, q # the two are the other way round, integers first
✓ inside the range no number is off by more than half a scale; outside, it is cut off.

07.2 build: Fold a normalization that comes first
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

07.3 modify: One scale for each channel
def channel_scales(kernel, depthwise):
    """The scale of each output channel, so that its largest weight, whatever its sign, becomes 127: (channels,).

    kernel: (k, k, inputs, filters), or (k, k, channels, 1) if depthwise.
    """
    largest = «np.abs(kernel).max(axis=(0, 1, 3) if depthwise else (0, 1, 2))»
    return «largest / 127»
? For one scale per layer it would be np.abs(kernel).max() / 127. Over which axes may the maximum go now?
? Over all axes but that of the outputs. That is the last one, but in a depthwise kernel the third.
? axis=(0, 1, 3) if depthwise else (0, 1, 2); then divide by 127.
> *((np.append(-9, rng.normal(size=math.prod(shape) - 1)).reshape(shape), shape[3] == 1 and shape[2] != 4) for shape in
  ((1, 1, 4, 6), (3, 3, 5, 5), (3, 3, 4, 1), (3, 3, 8, 1), (5, 5, 3, 1)))
= np.array([abs(channel).max() / 127 for channel in np.moveaxis(kernel, 3 - depthwise, 0)])
✗ (0, 1, 3) if depthwise else (0, 1, 2) -> (0, 1, 2) # the outputs of a depthwise kernel are its third axis
✗ (0, 1, 3) if depthwise else (0, 1, 2) -> (0, 1, 3) # the outputs of an ordinary kernel are its last axis
✗ axis=(0, 1, 3) if depthwise else (0, 1, 2) -> # that is one scale for the whole layer
✗ np.abs(kernel) -> kernel # the largest weight may be negative: take absolute values
✗ 3) if depthwise -> 3) if kernel.shape[3] == 1 # an ordinary kernel may have one output too: ask `depthwise`
✗ largest / 127 -> largest / 128 # 127 is the largest 8-bit integer
✗ largest / 127 -> largest / 255 # the integers reach from -127 to 127; divide by 127
✗ largest / 127 -> largest # divide by 127, so that the largest becomes 127
✗ largest / 127 -> 127 / largest # that is the scale's inverse: integer times scale gives the weight
✓ each channel now uses all its integers, whatever folding did to it.

07.4 derive: How many bits for an error?
def bits_needed(low, high, error):
    """The smallest number of bits with which every number from low to high is rounded by at most `error`."""
    steps = «(high - low) / (2 * error)»
    return «math.ceil(math.log2(steps + 1))»
? n bits make 2**n integers. How many steps lie between the first and the last of them?
? A step of size S rounds by at most S / 2, so S may be 2 * error. There are 2**n - 1 steps.
? (high - low) / (2**n - 1) <= 2 * error. Solve for n, and round up: n is a whole number.
> (0, 6, 0.0118), (0, 6, 0.02), (-6, 6, 0.0118), (0, 40, 0.0118), (-3, 3, 1.0), (0, 8, 1.0), (0, 6, 0.01175)
= next(n for n in range(1, 60) if (high - low) / (2**n - 1) <= 2 * error * (1 + 1e-12))
✗ (high - low) -> high # the range goes from low to high, its length is high - low
✗ (2 * error) -> error # a step of S rounds by at most S / 2: S may be twice the error
✗ (2 * error) -> (4 * error) # S may be twice the error, not four times
✗ math.ceil(math.log2(steps + 1)) -> math.log2(steps + 1) # bits are whole: round up
✗ steps + 1 -> steps # 2**n integers have 2**n - 1 steps between them
✗ steps + 1 -> int(steps) + 1 # do not round the steps, or the error is a little too large
✗ math.ceil(math.log2(steps + 1)) -> math.floor(math.log2(steps + 1)) # round up, or the error is too large
✗ math.ceil(math.log2(steps + 1)) -> math.floor(math.log2(steps + 1)) + 1
  # one bit less is enough: an error of exactly `error` is allowed
✗ math.ceil(math.log2(steps + 1)) -> steps # that is the number of steps; ask how many bits make so many
✓ ReLU6 with 8 bits; a map up to 40 needs 3 more for the same error.

07.5 decide: Which file for this phone?
def choose(files, megabytes, points):
    """The name of the fastest file that fits and loses little enough; None if there is none.

    files: list of (name, bytes, milliseconds, top1). megabytes: room on the phone, 1 MB is 10**6 bytes.
    points: how far its top1 may lie below the best one of all files.
    """
    best = «max(top1 for _, _, _, top1 in files)»
    fitting = []
    for name, size, ms, top1 in files:
        if «size <= 1e6 * megabytes» and «top1 >= best - points»:
            fitting.append(«(ms, name)»)
    return min(fitting)[1] if fitting else None
? What is the most accurate file, whether it fits or not? Compare the others with it.
? min picks the tuple whose first number is smallest: put first what shall be small.
> *(([("float", 18_600_000, 9.0, 75.25), ("float16", 9_500_000, 12.5, 75.25), ("dynamic range", 5_250_000, 8.0, 74.75),
  ("int8", 4_900_000, 6.5, 74.25), ("one scale", 4_800_000, 6.0, 61.0)], megabytes, points) for megabytes, points in
  ((10.0, 1.0), (10.0, 0.25), (20.0, 0.25), (5.25, 0.5), (5.1, 0.5), (20.0, 4.0), (10.0, 0.5)))
= fastest(files, megabytes, points)
✗ size <= 1e6 * megabytes -> size <= 2**20 * megabytes # here 1 MB is 10**6 bytes
✗ 1e6 * megabytes -> megabytes # size is in bytes: megabytes times 10**6
✗ (ms, name) -> (name, ms) # min compares the first of a pair first: put ms there
✗ size <= 1e6 * megabytes -> True # a file that is too large does not fit
✗ size <= 1e6 * megabytes -> size < 1e6 * megabytes # what fills the room exactly fits: <=
✗ top1 >= best - points -> top1 > best - points # to lose exactly so many points is allowed: >=
✗ top1 >= best - points -> top1 >= points # that is a difference: compare with best - points
✗ (ms, name) -> (size, name) # that picks the smallest; ask for the fastest
✗ (ms, name) -> (-top1, name) # that picks the most accurate; ask for the fastest
✗ (ms, name) -> (-ms, name) # that picks the slowest
✓ room and accuracy exclude, speed decides.
''',
    globals(),
)
