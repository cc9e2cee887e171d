"""The one training loop of the experiments, from a compiled model to curves."""

import math
import time

import keras
import numpy as np

from experiments.table import written
from recipe import epoch_order, mirror, progress, shift


def train(model, pick, labels, unseen, epochs, seed, batch, label):
    """Trains a compiled classifier and tries it after each epoch. Returns a dict: two curves in %, and seconds.

    pick(chosen, mirrored) makes the model's input from positions (batch,) in `labels` and from which of them are to be
    mirrored, (batch,); it may augment further. unseen: (images or features, labels), of the validation or the test set.
    Batches that are not full are left out. The order of images, the mirroring and dropout depend on `seed` alone.
    """
    seed_dropout(model, seed)
    start, curve, train_curve = time.perf_counter(), [], []
    for epoch in range(epochs):
        order, mirrored = epoch_order(seed, epoch, len(labels), batch)
        right = []
        for step, chosen in enumerate(order):
            model.reset_metrics()  # Keras versions differ in whether `train_on_batch` does it
            found = model.train_on_batch(pick(chosen, mirrored[step]), labels[chosen], return_dict=True)
            right.append(float(found["accuracy"]))
            if step % 20 == 0:
                progress(f"{label}  epoch {epoch + 1}/{epochs}", start, (epoch + (step + 1) / len(order)) / epochs)
        train_curve.append(100 * float(np.mean(right)))
        curve.append(100 * float(np.mean(guess(model, unseen[0]) == unseen[1])))
        progress(f"{label}  epoch {epoch + 1}/{epochs}  top-1 {curve[-1]:.2f} %", start, (epoch + 1) / epochs)
    return dict(curve=curve, train_curve=train_curve, seconds=time.perf_counter() - start)


def images_of(x):
    """The `pick` of `train` for images (n, height, width, channels): the chosen ones, mirrored where it says so."""
    return lambda chosen, mirrored: mirror(x[chosen], mirrored)


def mirror_and_shift(images, mirrored, random):
    """Square images (n, size, size, channels), some mirrored, all shifted by up to an eighth of their side."""
    most = images.shape[1] // 8
    offsets = random.integers(-most, most, (len(images), 2), endpoint=True)
    return shift(mirror(images, mirrored), offsets)


def measures(found):
    """What `train` returned, as columns of a table."""
    return dict(
        top1=round(found["curve"][-1], 2),
        train_top1=round(found["train_curve"][-1], 2),
        curve=written(found["curve"]),
        seconds=round(found["seconds"], 1),
    )


def guess(model, x):
    """The class that the model finds most likely for each input, (n,)."""
    return in_parts(lambda part: model.predict_on_batch(part).argmax(-1), x, 100)


def in_parts(run, x, most):
    """Outputs of `run` for many images, which it gets in equal parts of at most `most`: an array (n, ...)."""
    return np.concatenate([run(part) for part in np.array_split(x, math.ceil(len(x) / most))])


def shrink(x, size):
    """Images (n, h, w, channels), uint8, made smaller with an antialiasing filter."""
    if size == x.shape[1]:
        return x

    def smaller(part):
        found = keras.ops.image.resize(part, (size, size), antialias=True)
        return np.asarray(keras.ops.round(keras.ops.clip(found, 0, 255)), "uint8")

    return in_parts(smaller, x, 5000)


def compile_for(model, optimizer, norm_momentum=None):
    """Compiles a classifier and returns it. No XLA: on a CPU it takes several times as long for these networks.

    Batch norm averages with `norm_momentum`, if it is given: Keras's 0.99 looks back over hundreds of steps, more than
    a short run has.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization) and norm_momentum is not None:
            layer.momentum = norm_momentum
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


def restart(model, weights):
    """Gives a compiled model these weights, and its optimizer no memory: compiling anew takes longer than an epoch.

    Its learning rate must be a schedule, which follows from the step; a plain number would become zero, too.
    """
    model.set_weights(weights)
    for variable in model.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))


def seed_dropout(model, seed):
    """Dropout has a state of its own, which outlives a run: it becomes a function of the seed."""
    for number, layer in enumerate(model.layers):
        if hasattr(layer, "seed_generator"):
            layer.seed_generator.state.assign([seed, number])
