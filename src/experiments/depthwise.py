"""Dense against depthwise-separable convolution on CIFAR-10, at equal depth and at equal MACs.

    python src/measure.py depthwise            writes data/measured/depthwise.csv
    python src/measure.py depthwise --quick    the same in under a minute, on the shipped images; writes nothing

Three networks: a 3x3 convolution from the image, then three layers (the first two halve the resolution and double
the width), then a classifier. `dense`: the layers are 3x3 convolutions. `separable`: each is a depthwise 3x3 and a
pointwise convolution with the same widths (equal depth). `separable, widened`: the same with the width at which the
MACs equal those of `dense`. The width and the epochs were cut once,
after a one-epoch timing trial on 10,000 images (width 12, 8 epochs planned); nothing changed after the first row.
The runs of 12 epochs were added later, to see what of the differences a longer training leaves.
Batch norm keeps Keras's momentum, 0.99, for which a run of 1,170 steps is long enough.
"""

from functools import partial

import keras
from keras import layers

from architecture import Conv, convolve
from datasets import cifar10
from experiments.loop import compile_for, images_of, measures, train
from experiments.table import fill
from recipe import schedule

WIDTH, EPOCHS, SEEDS, BATCH, RATE = 8, (3, 12), range(5), 128, 2e-3
DENSE, _, WIDENED = NETWORKS = ("dense", "separable", "separable, widened")


def convs(kind, width):
    """The network on paper: a list of architecture.Conv. `width`: channels of the first layer, an int."""
    act = dict(activation="relu")
    network = [Conv("stem_conv", 3, width, 32, kernel=3, **act)]
    for i, (filters, stride) in enumerate(((2 * width, 2), (4 * width, 2), (4 * width, 1)), start=1):
        inputs, size = network[-1].filters, network[-1].output_size
        if kind == DENSE:
            network.append(Conv(f"layer{i}_conv", inputs, filters, size, 3, stride, **act))
        else:
            network.append(Conv(f"layer{i}_dwconv", inputs, inputs, size, 3, stride, depthwise=True, **act))
            network.append(Conv(f"layer{i}_project_conv", inputs, filters, network[-1].output_size, **act))
    return [*network, Conv("predictions", network[-1].filters, 10, 1, bias=True)]


def macs(kind, width):
    """Multiply-adds for one image, an int."""
    return sum(conv.macs for conv in convs(kind, width))


def width_of(kind):
    """The width of a network's first layer: WIDTH, or the one whose MACs come nearest to those of `dense`."""
    if kind != WIDENED:
        return WIDTH
    return min(range(WIDTH, 16 * WIDTH), key=lambda width: abs(macs(kind, width) - macs(DENSE, WIDTH)))


def build(kind):
    """The Keras model. Input: (batch, 32, 32, 3), pixels 0 to 255. Output: (batch, 10) probabilities."""
    *body, top = convs(kind, width_of(kind))
    image = layers.Input((32, 32, 3))
    x = layers.Rescaling(1 / 128, -1)(image)
    for conv in body:
        x = convolve(x, conv)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(top.filters, activation="softmax", name=top.name)(x))


def run(network, epochs, seed, data):
    """One row: trains `network` from `seed`. data: ((x_train, y_train), test). Returns a dict of what was measured."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    paper, ((x, y), test) = convs(network, width_of(network)), data
    model = compile_for(build(network), keras.optimizers.Adam(schedule(RATE, len(y) // BATCH * epochs)))
    counts = dict(width=width_of(network), params=sum(c.params for c in paper), macs=sum(c.macs for c in paper))
    assert counts["params"] == model.count_params()
    label = f"{network}, {epochs} epochs, seed {seed}"
    return counts | measures(train(model, images_of(x), y, test, epochs, seed, BATCH, label))


def keys():
    """Every run, as `fill` wants them."""
    return [dict(network=name, epochs=epochs, seed=seed) for epochs in EPOCHS for seed in SEEDS for name in NETWORKS]


def main(quick=False):
    """Fills the table."""
    if quick:
        for network in NETWORKS:
            print("", run(network, epochs=2, seed=0, data=cifar10()))
    else:
        fill("depthwise", keys(), partial(run, data=cifar10(full=True)))
