"""Squeeze-and-excitation on CIFAR-10: with, without, and without but wider, so that the parameters are equal.

    python src/measure.py squeeze_excitation            writes data/measured/squeeze_excitation.csv
    python src/measure.py squeeze_excitation --quick    two of them in a minute, on shipped images; writes nothing

The network is the small baseline of compound.py at 28 x 28 pixels. `with` has squeeze-and-excitation in each block,
`without` in none. `without, parameters given back` has none either, and the width at which its parameters equal those
of `with`; it is searched for on paper. A trained `with` is tested three times more, with nothing retrained:
each gate replaced by its mean over training images, by one, and by the gate of the next image of the batch.
The first run of `with` also leaves its weights (squeeze_excitation.npz) and its gates on the test images
(squeeze_excitation_gates.csv: mean and standard deviation for each block, channel and class).
The runs of 12 epochs were added later, to see whether a longer training decides what 3 epochs left open.
"""

from functools import cache

import keras
import numpy as np

from architecture import Scale, plan
from atomic import write_atomically, write_rows
from datasets import CIFAR10_CLASSES
from experiments.compound import SEEDS, images, train_scale
from experiments.loop import in_parts
from experiments.table import MEASURED, fill
from mini import mini

DATASET, RESOLUTION, EPOCHS, CALIBRATION = "cifar10", 28, (3, 12), 2000
WITH, WITHOUT, WIDENED = NETWORKS = ("with", "without", "without, parameters given back")


@cache
def scale_of(network):
    """The Scale of one of NETWORKS."""
    with_se = Scale(1.0, 1.0, RESOLUTION, 0.0, mini())
    if network == WITH:
        return with_se
    base = mini(se_ratio=0)
    if network == WITHOUT:
        return Scale(1.0, 1.0, RESOLUTION, 0.0, base)
    widths = [Scale(step / 1000, 1.0, RESOLUTION, 0.0, base) for step in range(1000, 1500)]
    return min(widths, key=lambda scale: abs(params(scale) - params(with_se)))


def params(scale):
    """Parameters of the network, an int."""
    return plan(scale, classes=10).params


def gates(model, x):
    """The gates of every block for images (n, height, width, 3): a dict of block name -> (n, channels)."""
    found = {}
    for layer in model.layers:
        if layer.name.endswith("se_expand"):
            found[layer.name.split("_")[0]] = layer.output
    network = keras.Model(model.input, found)
    parts = [network(part, training=False) for part in np.array_split(x, -(-len(x) // 500))]
    return {block: np.concatenate([part[block] for part in parts])[:, 0, 0] for block in found}


def fix_gates(model, constants):
    """Makes each gate the same for all images. `constants`: a dict of block name -> (channels,), between 0 and 1."""
    for block, values in constants.items():
        layer = model.get_layer(f"{block}_se_expand")
        values = np.clip(values, 1e-7, 1 - 1e-7)
        layer.set_weights([np.zeros(layer.kernel.shape), np.log(values / (1 - values))])


class NextGate(keras.layers.Multiply):
    """Multiplies each image by the gate that was computed for the next image of the batch."""

    def call(self, inputs):
        x, gate = inputs
        return x * keras.ops.roll(gate, -1, axis=0)


def swapped(model):
    """A copy of the model in which each image is weighed by the gates of the next one."""

    def copy(layer):
        kind = NextGate if layer.name.endswith("se_excite") else type(layer)
        return kind.from_config(layer.get_config())

    other = keras.models.clone_model(model, clone_function=copy)
    other.set_weights(model.get_weights())
    return other


def replace_gates(model, x_train, test):
    """Test top-1 in % with the gates replaced: a dict. The model comes back as it was."""
    trained = model.get_weights()
    own = gates(model, x_train[:CALIBRATION])
    result = dict(top1_next_gate=top1(swapped(model), *test))
    fix_gates(model, {block: values.mean(0) for block, values in own.items()})
    result["top1_mean_gate"] = top1(model, *test)
    fix_gates(model, {block: np.ones(values.shape[1]) for block, values in own.items()})
    result["top1_gate_one"] = top1(model, *test)
    model.set_weights(trained)
    return result


def top1(model, x, y):
    """Top-1 accuracy in %."""
    guesses = in_parts(lambda part: np.argmax(model(part, training=False), axis=-1), x, 500)
    return round(100 * float(np.mean(guesses == y)), 2)


def by_class(model, x, y):
    """Rows of mean and standard deviation of each gate over the images of each class."""
    rows = []
    for block, values in gates(model, x).items():
        for channel, column in enumerate(values.T):
            for i, label in enumerate(CIFAR10_CLASSES):
                mine, key = column[y == i], dict(block=block, channel=channel, label=label)
                rows.append(key | dict(mean=f"{mine.mean():.3f}", std=f"{mine.std():.3f}"))
    return rows


def save(model, x, y, directory=MEASURED):
    """Writes the weights of a trained model (float16, in the order of `get_weights`) and its gates by class."""
    weights = [np.asarray(value, "float16") for value in model.get_weights()]
    write_atomically(directory / "squeeze_excitation.npz", lambda file: np.savez_compressed(file, *weights))
    write_rows(directory / "squeeze_excitation_gates.csv", by_class(model, x, y))


def run(network, seed, epochs, full=True):
    """One row: trains `network` from `seed`. Returns a dict of what was measured."""
    model, row = train_scale(scale_of(network), DATASET, epochs, seed, network, full)
    if network != WITH:
        return row | dict.fromkeys(("top1_next_gate", "top1_mean_gate", "top1_gate_one"), "")
    (x_train, _), test = images(DATASET, RESOLUTION, full)
    if full and (seed, epochs) == (SEEDS[0], EPOCHS[0]):
        save(model, *test)
    return row | replace_gates(model, x_train, test)


def keys():
    """Every run, as `fill` wants them."""
    return [dict(network=name, seed=seed, epochs=epochs) for epochs in EPOCHS for seed in SEEDS for name in NETWORKS]


def main(quick=False):
    """Fills the table; its first run also leaves weights and gates."""
    if quick:
        for network in (WITH, WIDENED):
            print("", run(network, seed=0, epochs=1, full=False))
    else:
        fill("squeeze_excitation", keys(), run)
