"""Lesson 07: from notebook to the world."""

import math

import numpy as np

from exercises.cards import enter_cards


def rate_by_interpolation(step, batch, rate, up, steps):
    """A straight line, then a cosine, as half a turn squared."""
    line = np.interp(step, [0, up], [0, 1])
    turn = np.interp(step, [up, steps], [0, math.pi / 2])
    return rate * batch * line * np.cos(turn) ** 2 / 256


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
? q = np.clip(np.round(r / scale) + zero, -128, 127) and back = scale * (q - zero).
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
✗ -128, 127) -> -128, 127).astype(np.int8); q - zero -> q - np.int8(zero)
  # q - zero needs more than 8 bits: q.astype(int)
✗ scale * (q - zero) -> scale * q # on the way back the zero point must be subtracted first
✗ scale * (q - zero) -> scale * q - zero # subtract the zero point first, then multiply
✗ scale * (q - zero) -> r # those are the numbers from before; the integers stand for others
✗ scale * (q - zero) -> (q - zero) / scale # multiply by the scale on the way back
✗ return q, back -> return back, q # the two are the other way round, integers first
✓ inside the range no number is off by more than half a scale; outside, it is cut off.

07.2 modify: One scale for each channel
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

07.3 derive: How many bits for an error?
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

07.4 derive: The learning rate of a large batch
def rate_at(step, batch, rate, up, steps):
    """The learning rate at a step: scaled to the batch, warmed up, then a cosine down to 0 at `steps`.

    rate: right for a batch of 256 images. The warm-up is a straight line, from 0 at step 0 to step `up`.
    """
    peak = «rate * batch / 256»
    if step < up:
        return «peak * step / up»
    part = «(step - up) / (steps - up)»
    return «peak * (1 + math.cos(math.pi * part)) / 2»
? k times the batch takes k times fewer steps, so each has to be k times as long: scale the rate linearly.
? The cosine starts where the warm-up ends: at step `up` its argument is 0, at `steps` it is pi.
? peak = rate * batch / 256; before: peak * step / up; after: peak * (1 + cos(pi * part)) / 2.
> *((step, batch, rate, up, steps) for batch, rate, up, steps in ((2048, 0.1, 50, 900), (128, 0.1, 10, 60),
  (4096, 0.016, 400, 30_000)) for step in (0, up // 5, up, steps // 2, up + 1, steps - steps // 10))
= rate_by_interpolation(step, batch, rate, up, steps)
✗ rate * batch / 256 -> rate # scale the rate with the batch
✗ rate * batch / 256 -> rate * (batch / 256) ** 0.5 # scale it linearly, not by the square root
✗ rate * batch / 256 -> rate * 256 / batch # turn it over: a larger batch gets a larger rate
✗ (step - up) / (steps - up) -> step / steps # the cosine starts when the warm-up ends
✗ (step - up) / (steps - up) -> step / (steps - up) # the cosine starts when the warm-up ends
✗ (step - up) / (steps - up) -> (step - up) / steps # the cosine lasts from `up` to `steps`: steps - up
✗ peak * step / up -> peak # the warm-up is missing: a straight line from 0
✗ step / up -> (step + 1) / up # the warm-up is at 0 at step 0: step / up
✗ peak * step / up -> peak * (step / up) ** 2 # the warm-up is a straight line: step / up
✗ (1 + math.cos(math.pi * part)) / 2 -> (1 + math.cos(math.pi * part)) # 1 + cos goes from 2 to 0: halve it
✗ (1 + math.cos(math.pi * part)) / 2 -> math.cos(math.pi * part) # a cosine goes down to -1; shift and halve it
✗ (1 + math.cos(math.pi * part)) / 2 -> (1 - part) # that is a straight line down, not a cosine
✗ step < up -> False # the warm-up is missing: a straight line from 0 to step `up`
✓ up to the scaled rate in a line, down to zero in a cosine.

07.5 derive: A step on many devices
def step_seconds(batch, speed, devices, params, bandwidth):
    """Seconds of one step: devices compute their shares of the batch, then a ring sums the gradients.

    batch: images, a multiple of devices. speed: images per second of one device. bandwidth: bytes per second that
    each device can send.
    The ring cuts the gradient (float32, one number per parameter) into one piece for each device.
    devices - 1 rounds sum the pieces, as many more hand them out; a device sends one piece a round.
    """
    compute = «batch / devices / speed»
    piece = «4 * params / devices»
    rounds = «2 * (devices - 1)»
    return «compute + rounds * piece / bandwidth»
? Two terms: a share of the batch at the speed of one device, and the bytes that one device sends.
? A gradient has as many numbers as there are parameters, 4 bytes each; a piece is one n-th of it.
? batch / devices / speed + 2 * (devices - 1) * (4 * params / devices) / bandwidth.
> (1024, 1600.0, 4, 5_330_564, 1e8), (256, 1600.0, 1, 5_330_564, 1e9), (4096, 800.0, 64, 66_658_680, 1e10),
  (96, 12.0, 3, 4_652_008, 1e8)
= batch / (devices * speed) + 8 * params * (1 - 1 / devices) / bandwidth
✗ batch / devices / speed -> batch / speed # each device computes only its share of the batch
✗ 4 * params -> params # a float32 has 4 bytes
✗ 4 * params -> 32 * params # bandwidth is in bytes per second, not in bits
✗ 2 * (devices - 1) -> (devices - 1) # two passes: pieces are summed, then handed out
✗ 4 * params / devices -> 4 * params # a piece is one n-th of the gradient
✗ 2 * (devices - 1) -> 2 * devices # each pass has devices - 1 rounds: one device alone has nobody to send to
✗ 2 * (devices - 1) -> 2 * devices if devices > 1 else 0 # each pass has devices - 1 rounds: one device sends nothing
✗ 2 * (devices - 1) -> 2 * devices - 1 # each of the two passes has devices - 1 rounds: put them in brackets
✗ compute + rounds * piece / bandwidth -> compute # the gradients travel too
✗ compute + rounds * piece / bandwidth -> max(compute, rounds * piece / bandwidth)
  # the two follow one another: add them
✓ with more devices each computes less but sends as much: that is where scaling out ends.
''',
    globals(),
)
