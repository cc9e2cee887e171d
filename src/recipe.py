"""What every training of this series shares: the order of the images, their augmentation, the learning rate, a bar.

Order and augmentation follow from the seed and the epoch alone, so that a run may be repeated, continued, or shared
among processes.
"""

import time

import keras
import numpy as np


def epoch_order(seed, epoch, images, batch):
    """Which images each step of an epoch sees, each once or not at all, and which are mirrored: both (steps, batch)."""
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(images)[: images // batch * batch].reshape(-1, batch)
    return order, random.random(order.shape) < 0.5


def mirror(images, mirrored):
    """A copy of images (n, height, width, channels), of which those with True in `mirrored`, (n,), are mirrored."""
    images = images.copy()
    images[mirrored] = images[mirrored, :, ::-1]
    return images


def shift(images, offsets):
    """Images (n, height, width, channels) moved by whole pixels: what leaves is lost, what enters is 0.

    offsets: integers (n, 2), down and right. "Pad and crop" is this, with offsets drawn from -4 to 4 for 32 pixels.
    """
    _, height, width, _ = images.shape
    pad = int(np.abs(offsets).max(initial=0))
    padded = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    moved = np.empty_like(images)
    for i, (down, right) in enumerate(offsets):
        top, left = pad - down, pad - right
        moved[i] = padded[i, top : top + height, left : left + width]
    return moved


def schedule(peak, steps, warmup_steps=0):
    """The learning rate of each of `steps`: up to `peak` in a straight line, then down to zero in a cosine."""
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup_steps else peak, steps - warmup_steps, warmup_target=peak, warmup_steps=warmup_steps
    )


def sgd(rates, decay):
    """SGD with Nesterov momentum at these `rates`, a schedule; weight `decay` of kernels alone, 0 for none."""
    optimizer = keras.optimizers.SGD(rates, momentum=0.9, nesterov=True, weight_decay=decay or None)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def progress(text, start, part):
    """Draws a bar over the last one: `part`, from 0 to 1, of the work is done since `start` (time.perf_counter)."""
    elapsed = time.perf_counter() - start
    bar = "#" * round(20 * part) + "." * (20 - round(20 * part))
    left = f"{elapsed / part - elapsed:.0f}" if part else "?"
    line = f"[{bar}] {text}  {elapsed:.0f} s, {left} s left "
    print(f"\r{line:<100}", end="", flush=True)  # as long as the longest, so that nothing of it is left
