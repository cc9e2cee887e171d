"""The frozen part of a network, computed once: for a head on its features, or to fine-tune the last blocks alone.

    lower, upper = cut(model, "block6d_add")      a fast function images -> maps, and the rest, a Keras model to train
    both = views(lower, images)                   the maps of all images and of their mirror images, computed once
    both[mirrored.astype(int), chosen]            those of a batch, as `recipe.epoch_order` draws it

What is frozen gives the same maps in every epoch. So 20 epochs need them once, or twice with mirroring.
"""

from collections.abc import Callable

import keras
import numpy as np

from arguments import require
from export import compiled, fold


def cut(model: keras.Model, layer: str) -> tuple[Callable[[np.ndarray], np.ndarray], keras.Model]:
    """A network cut behind a layer, through whose output everything goes, into its frozen part and the rest.

    Returns a function, images (n, height, width, channels) -> maps (n, ...), which is folded, frozen, and does not
    follow later training, and a Keras model, maps -> the outputs of `model`, which shares its layers.
    Raises ValueError, in one line, if there is no such layer, a model in its place, or a path around it.
    """
    names = [each.name for each in model.layers]
    require(layer in names, "layer", layer, "the name of a layer of the model, as block6d_add")
    last = model.get_layer(layer)
    allowed = "a layer, not a model inside; cut that one, model.get_layer(name), instead"
    require(not isinstance(last, keras.Model), "layer", layer, allowed)
    maps = last.output
    try:
        upper = keras.Model(maps, model.output)
    except ValueError as error:
        raise ValueError(f"layer is {layer!r}; allowed: a layer that no path goes around, as an add.") from error
    return compiled(fold(keras.Model(model.input, maps))), upper


def views(run: Callable[[np.ndarray], np.ndarray], images: np.ndarray, batch: int = 32) -> np.ndarray:
    """What `run` makes of images (n, height, width, channels) and of their mirror images: (2, n, ...)."""
    found = []
    for start in range(0, len(images), batch):
        part = images[start : start + batch]
        found.append(np.stack([run(part), run(part[:, :, ::-1])]))
    return np.concatenate(found, axis=1)
