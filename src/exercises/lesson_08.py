"""Lesson 08: many machines."""

import math

import numpy as np

from exercises.cards import enter_cards


def rate_by_interpolation(step, batch, rate, up, steps):
    """A straight line, then a cosine, as half a turn squared."""
    line = np.interp(step, [0, up], [0, 1])
    turn = np.interp(step, [up, steps], [0, math.pi / 2])
    return rate * batch * line * np.cos(turn) ** 2 / 256


def cheapest(options, steps, hours):
    """Price and number of devices of everything that is in time, in order of price."""
    found = [(price * devices * seconds * steps, devices) for devices, price, seconds in options]
    found = [pair for pair, option in zip(found, options) if steps * option[2] <= 3600 * hours]
    return sorted(found)[0][1] if found else None


enter_cards(
    '''
08.1 recall: Put the shares together
def whole_gradient(gradients, counts):
    """The gradient of a whole batch: the mean over all of its images.

    gradients: (devices, weights), of each device the mean over its own images. counts: (devices,), how many those are.
    """
    parts = «gradients * counts[:, None]»
    return «parts.sum(axis=0) / counts.sum()»
? A device with three images must weigh three times as much as a device with one.
? Turn each mean back into a sum: multiply it by the number of images.
> *((rng.normal(size=(len(counts), 5)), np.array(counts)) for counts in ([3, 1], [8, 8, 4, 2], [7], [2, 2, 1]))
= np.average(gradients, axis=0, weights=counts)
✗ gradients * counts[:, None] -> gradients * counts.mean() # devices with more images must weigh more
✗ gradients * counts[:, None] -> gradients # turn each mean back into a sum: multiply it by its count
✗ gradients * counts[:, None] -> gradients / counts[:, None] # multiply by the counts: a mean becomes a sum again
✗ / counts.sum() -> # divide by the images of the whole batch
✗ / counts.sum() -> / len(counts) # divide by the images of the whole batch, not by the devices
✗ parts.sum(axis=0) -> parts.mean(axis=0) # the parts are added up, not averaged
✗ parts.sum(axis=0) -> parts.sum() # sum over the devices only: each weight has its own gradient
✓ equal to the mean over all images, however they are dealt out.

08.2 build: Batch norm that all devices agree on
def synchronized(means, variances, counts):
    """Mean and variance of a whole batch, from those that each device has of its own share.

    means, variances: (devices, channels). counts: (devices,), how many numbers each share has.
    Returns mean and variance, (channels,) each.
    """
    weight = counts[:, None] / counts.sum()
    mean = «(weight * means).sum(axis=0)»
    squares = «variances + means**2»
    variance = «(weight * squares).sum(axis=0) - mean**2»
    return mean, variance
? Means can be averaged, variances cannot: where the means differ, the whole varies more than its parts.
? Variance is the mean of the squares minus the square of the mean. On each device, find the mean of the squares.
? squares = variances + means**2; average them with the weights; subtract mean**2.
> *((rng.normal(0, 2, (len(counts), 3)), rng.uniform(0.5, 2, (len(counts), 3)), np.array(counts)) for counts in
  ([4, 4], [6, 3, 1], [5], [2, 8, 2, 4]))
= (np.average(means, axis=0, weights=counts),
  np.average(variances + (means - np.average(means, axis=0, weights=counts)) ** 2, axis=0, weights=counts))
→ mean, variance
✗ (weight * means).sum(axis=0) -> means.mean(axis=0) # larger shares weigh more: use the weights
✗ (weight * means).sum(axis=0) -> (weight * means).sum() # each channel has its own mean: sum over the devices only
✗ (weight * squares).sum(axis=0) - mean**2 -> (weight * variances).sum(axis=0)
  # that is the variance inside the shares; their means differ as well
✗ (weight * squares).sum(axis=0) - mean**2 -> (weight * squares).sum(axis=0) # subtract the square of the mean
✗ (weight * squares).sum(axis=0) - mean**2 -> squares.mean(axis=0) - mean**2 # larger shares weigh more, here too
✗ (weight * squares).sum(axis=0) - mean**2 -> means.var(axis=0)
  # that is the variance of the means; the shares vary inside as well
✗ variances + means**2 -> means**2 # the mean of the squares is the variance plus the square of the mean
✗ variances + means**2 -> variances**2 + means**2 # a variance is a square already
✗ variances + means**2 -> variances + means # the square of the mean is missing
✗ return mean, variance -> return variance, mean # the two are the other way round: mean first
✓ two small arrays a channel travel, and all devices normalize as one would.

08.3 derive: The learning rate of a large batch
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
✗ math.pi * part -> part # half a turn is pi: math.pi * part
✗ (1 + math.cos(math.pi * part)) / 2 -> math.cos(math.pi * part / 2) # that is a quarter of a turn, from 1 to 0
✗ (1 + math.cos(math.pi * part)) / 2 -> (1 + math.cos(math.pi * part)) # 1 + cos goes from 2 to 0: halve it
✗ (1 + math.cos(math.pi * part)) / 2 -> math.cos(math.pi * part) # a cosine goes down to -1; shift and halve it
✗ (1 + math.cos(math.pi * part)) / 2 -> (1 - part) # that is a straight line down, not a cosine
✗ step < up -> False # the warm-up is missing: a straight line from 0 to step `up`
✓ up to the scaled rate in a line, down to zero in a cosine.

08.4 derive: A step on many devices
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
✓ each computes less but sends as much: from 64 devices on, four times as many no longer halve B0's step.

08.5 decide: How many devices to rent?
def rent(options, steps, hours):
    """How many devices to rent: what is cheapest and in time. None if nothing is in time.

    options: list of (devices, price of one device for an hour, seconds of their step). steps: of the whole training.
    hours: how long it may take.
    """
    best = None
    for devices, price, seconds in options:
        time = «steps * seconds / 3600»
        cost = «time * devices * price»
        if «time <= hours» and (best is None or «cost < best[0]»):
            best = cost, devices
    return best and best[1]
? First the hours that the training takes. All devices are paid for as long as it takes.
? An option counts if it is in time; it is the new best if it costs less than the best so far.
> *(([(4, 1.0, 10.0), (8, 1.0, 6.0), (16, 1.0, 4.0)], 3600, hours) for hours in (8.0, 6.0, 3.0, 20.0)),
  ([(4, 3.0, 5.0), (6, 1.0, 6.0)], 3600, 10.0), ([(2, 1.0, 3.0), (10, 1.0, 4.0)], 3600, 5.0),
  ([(3, 1.0, 5.0), (5, 1.0, 2.0)], 7200, 20.0), ([(3, 1.0, 5.0), (5, 1.0, 4.0)], 7200, 8.0)
= cheapest(options, steps, hours)
✗ steps * seconds / 3600 -> steps * seconds # seconds are not hours: divide by 3600
✗ steps * seconds / 3600 -> steps * seconds / 3600 / devices # the seconds are those of all devices at once already
✗ steps * seconds / 3600 -> seconds # that is one step; the training has `steps`
✗ time * devices * price -> time * price # all devices are paid: times devices
✗ time * devices * price -> time * devices # the price of an hour is missing
✗ time * devices * price -> time # that picks the fastest; ask what it costs
✗ time * devices * price -> devices * price # that is the price of one hour; the training takes `time`
✗ time <= hours -> True # what is too late does not count: None, or another one
✗ time <= hours -> time < hours # exactly in time is in time: <=
✗ cost < best[0] -> cost > best[0] # that picks the most expensive
✓ more devices are faster and cost more: rent what is just in time.
''',
    globals(),
)
