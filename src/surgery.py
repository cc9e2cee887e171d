"""Operations on a trained network, which answer what a part of it does: other gates in place of its own, and batch norm
statistics measured anew. Each returns a copy or numbers; the network stays as it is.

    found = gates(network, images)                      block -> (n, channels): how loud each channel is, 0 to 1
    halved = with_gates(network, half)                  a copy in which every gate is one half
    renewed = recalibrated(halved, training_images)     the same, with the statistics that belong to such gates
    loose = of_batches(network)                         a copy whose batch norm uses the images at hand
"""

import math
from collections.abc import Callable

import keras
import numpy as np
from keras import layers

from arguments import require

Rule = Callable[[str, keras.KerasTensor], keras.KerasTensor]

# ---------------------------------------------------------------- gates


def gates(model: keras.Model, images: np.ndarray) -> dict[str, np.ndarray]:
    """The gates of every block with squeeze-and-excitation: a dict, name of the block -> (n, channels), 0 to 1.

    images: (n, height, width, channels), pixels 0 to 255. `model` is one of `architecture.EfficientNet`; ValueError if
    it has no gates, as the Lite ones.
    """
    outputs = {_block(layer): layer.output for layer in model.layers if layer.name.endswith("se_expand")}
    require(outputs, "model", model.name, "a network with squeeze-and-excitation, as b0")
    found = keras.Model(model.input, outputs).predict(images, batch_size=100, verbose=0)
    return {block: found[block][:, 0, 0] for block in outputs}


def with_gates(model: keras.Model, rule: Rule) -> keras.Model:
    """A copy of the model whose blocks multiply by `rule(block, gate)` instead of by their gate.

    block: its name, as in `gates`; gate: (batch, 1, 1, channels), and so is what the rule returns. See `own`, `half`,
    `one`, `of_next_image` and `fixed`.
    """

    def call(layer, *args, **kwargs):
        if not layer.name.endswith("se_excite"):
            return layer(*args, **kwargs)
        maps, gate = args[0]
        return layer([maps, rule(_block(layer), gate)])

    return with_weights_of(model, keras.models.clone_model(_flat(model), call_function=call))


def own(block, gate):
    """The rule that changes nothing."""
    return gate


def half(block, gate):
    """The rule of a gate that is one half, whatever the image."""
    return keras.ops.full_like(gate, 0.5)


def one(block, gate):
    """The rule of a gate that is wide open, as if there were none."""
    return keras.ops.ones_like(gate)


def of_next_image(block, gate):
    """The rule by which each image of a batch gets the gates of the next one: real gates, only not its own."""
    return keras.ops.roll(gate, -1, axis=0)


def fixed(values: dict[str, np.ndarray]) -> Rule:
    """The rule of gates that are the same for every image; values: name of the block -> (channels,)."""
    return lambda block, gate: keras.ops.zeros_like(gate) + values[block]


# ---------------------------------------------------------------- batch norm


def recalibrated(model: keras.Model, images: np.ndarray, batch: int = 100) -> keras.Model:
    """A copy whose batch normalizations have the statistics of these images; no weight is trained.

    Mean and variance are averages over batches of `batch` images, each seen as training would see it but without
    dropout ("precise BN": Wu & Johnson 2021, arXiv:2105.07576, section 3). images: (n, height, width, channels).
    """
    observer = of_batches(model)
    norms = [layer for layer in observer.layers if isinstance(layer, _OfTheBatch)]
    stored = [value for norm in norms for value in norm.non_trainable_weights]  # a mean and a variance of each
    found = []
    for part in np.array_split(images, math.ceil(len(images) / batch)):  # nearly equal parts
        observer.predict_on_batch(part)
        found.append([keras.ops.convert_to_numpy(value) for value in stored])
    for i, value in enumerate(stored):
        value.assign(np.mean([in_batch[i] for in_batch in found], axis=0))
    return with_weights_of(observer, keras.models.clone_model(model))


def of_batches(model: keras.Model) -> keras.Model:
    """A copy whose batch normalizations use the statistics of the images at hand; all else is as in inference."""

    def copy(layer):
        kind, settings = type(layer), layer.get_config()
        if isinstance(layer, layers.BatchNormalization):
            kind, settings = _OfTheBatch, settings | dict(trainable=True, momentum=0.0)  # keeps the last batch only
        return kind.from_config(settings)

    return with_weights_of(model, keras.models.clone_model(_flat(model), clone_function=copy))


class _OfTheBatch(layers.BatchNormalization):
    """Batch norm that takes the statistics of the batch, and stores them, in inference too."""

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=True, mask=mask)


# ---------------------------------------------------------------- helpers


def _block(layer):
    """block2a of block2a_se_expand."""
    return layer.name.split("_")[0]


def _flat(model):
    """The model, if all its layers are its own: Keras copies a model inside a model as it is."""
    inside = [layer.name for layer in model.layers if isinstance(layer, keras.Model)]
    require(not inside, "model", f"{model.name}, with {', '.join(inside)} inside", "a network without another inside")
    return model


def with_weights_of(model, copy):
    """`copy` with the weights of the model's layers of the same names: its layers may stand in another order."""
    for layer in model.layers:
        if layer.weights:  # an input may be called otherwise
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy
