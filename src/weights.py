"""Trained weights for the networks of architecture.py, and a classifier for one photo.

    pretrained("lite0")     bundled with this repository, works offline
    pretrained("b0")        Keras's official file, downloaded once and verified; b0 to b7
    small()                 the small network of mini.py, trained on CIFAR-10; bundled, too
    classify(image)         [("tabby", 0.51), ...] for any photo

Weights are loaded by name: every variable of the model must be in the file, with its shape, and nothing may be left.
"""

import hashlib
import os
import tempfile
from dataclasses import replace
from functools import lru_cache
from numbers import Integral
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from architecture import EfficientNet, Scale, find_scale
from arguments import is_number, require
from atomic import MOST, read_arrays
from datasets import CACHE, DATA, PathLike, centre_square, class_names, photo, rgb
from downloads import sha256
from mini import SMALL

LITE_SHA256 = {  # of the files that tools/convert_lite.py writes; only lite0 is part of the repository
    "lite0": "6cdddde0373c22b8517d96da2f6882acb57f2cd56ec7105eebdb1fe1b800375d",
    "lite1": "cbf90b42799573f0a4d90660d4efb4251e4e2c651e12101869aad82f399f77f0",
    "lite2": "2edf5d47c2a74d0ae175a13479bc9b5fe900b4581f51dfd1c8385ceda415fee4",
}
# of data/small.npz, which tools/pack_small.py writes
SMALL_SHA256 = "fcc267ff6e19749fe48f3f8892ca5a0730ada05cd45d81de0cf3bb0da4da4a0e"
KERAS_URL = "https://storage.googleapis.com/keras-applications/"
KERAS_MD5 = {  # with and without the top: WEIGHTS_HASHES in keras/src/applications/efficientnet.py (Keras 3.15.1)
    "b0": ("902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"),
    "b1": ("1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"),
    "b2": ("b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"),
    "b3": ("ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"),
    "b4": ("18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"),
    "b5": ("ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"),
    "b6": ("165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"),
    "b7": ("8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"),
}
Answers = list[tuple[str, float]]


def pretrained(
    variant: str | Scale = "lite0",
    include_top: bool = True,
    path: PathLike | None = None,
    resolution: int | None = None,
) -> keras.Model:
    """Builds a network with ImageNet weights.

    `variant` is lite0 (bundled), lite1 or lite2 (after `python tools/convert_lite.py lite1`), or b0 to b7 (downloaded
    once by Keras and checked against its MD5). `path` is a file to use instead: a .npz that convert_lite.py wrote or
    an .h5 in the layout of Keras's official files; it is only read. `resolution` is the input's height and width in
    pixels, the variant's own if None. Input and output are those of `EfficientNet` with 1000 classes.
    AdvProp's files want pixels from -1 to 1: for them `variant` is a `Scale` whose baseline has (127.5, 127.5, 127.5)
    as its `mean` and as its `std`.
    Raises, in one line, FileNotFoundError for a file that is missing or cannot be downloaded, and ValueError for a
    file that is damaged, has the wrong checksum or normalization, or belongs to another network.
    """
    names = (*LITE_SHA256, *KERAS_MD5)
    require(path is not None or variant in names, "variant", variant, ", ".join(names))
    scale = find_scale(variant)
    if path is None:
        path = _converted(variant) if variant in LITE_SHA256 else _downloaded(variant, include_top)
    arrays, complaint = _read(Path(path)), f"{str(path)!r} does not fit {variant}"
    if Path(path).suffix != ".npz":
        arrays = _without_normalization(arrays, scale.baseline, complaint)
    model = EfficientNet(variant if resolution is None else replace(scale, resolution=resolution), 1000, include_top)
    _assign(model, arrays, complaint)
    return model


def small() -> keras.Model:
    """The network `mini.SMALL` with weights that train.py made of CIFAR-10's 50,000 training images.

    Input (batch, 32, 32, 3), pixels 0 to 255; output (batch, 10), probabilities in the order of `CIFAR10_CLASSES`.
    data/README.md has the command that trained it, and its accuracy.
    Raises, in one line, FileNotFoundError or ValueError for a file that is missing or damaged.
    """
    path = _verified(DATA / "small.npz", SMALL_SHA256, "`git checkout data/small.npz` brings it")
    model = EfficientNet(SMALL, classes=10)
    _assign(model, _read(path), f"{str(path)!r} does not fit mini.SMALL")
    return model


def classify(image: PathLike | Image.Image | np.ndarray, variant: str = "lite0", top: int = 5) -> Answers:
    """The `top` most likely ImageNet classes of one photo: a list of (class name, probability), best first.

    `image` is a name or a path that `datasets.photo` knows, a Pillow image, or an array of pixels 0 to 255,
    (height, width, 3) in RGB or (height, width) in grey; fractions of a pixel value are rounded. It is cut and resized
    to the variant's resolution as `datasets.photo` does it. The model is kept for the next call.
    Raises ValueError, in one line, for an image that cannot be used, and whatever `pretrained` raises.
    """
    require(is_number(top, Integral) and 1 <= top <= 1000, "top", top, "a whole number from 1 to 1000")
    crop = _prepared(image, find_scale(variant).resolution).astype("float32")
    probabilities = keras.ops.convert_to_numpy(_model(variant)(crop[None], training=False))[0]
    names = class_names()
    return [(names[i], float(probabilities[i])) for i in np.argsort(-probabilities, kind="stable")[:top]]


@lru_cache(maxsize=4)
def _model(variant):
    return pretrained(variant)


def _prepared(image, size):
    if isinstance(image, (str, os.PathLike)):
        return photo(image, size)
    if not isinstance(image, Image.Image):
        image = _image_of(np.asarray(image))
    try:
        return np.array(centre_square(rgb(image), size))
    except ValueError as error:
        raise ValueError(f"image cannot be read ({error}).") from error


def _image_of(pixels):
    """An array of pixels as a Pillow image, or ValueError."""
    if pixels.dtype.kind not in "uif" or pixels.size == 0:
        raise ValueError(f"image is {pixels.dtype} of shape {pixels.shape}; allowed: an array of numbers 0 to 255.")
    if pixels.ndim != 2 and pixels.shape[2:] != (3,):
        raise ValueError(f"image has shape {pixels.shape}; allowed: one image, (height, width, 3) or (height, width).")
    low, high = pixels.min(), pixels.max()
    if not 0 <= low <= high <= 255:
        raise ValueError(f"pixels must be 0 to 255; this image's are {low:.4g} to {high:.4g}.")
    if pixels.dtype.kind == "f" and 0 < high <= 1:
        raise ValueError(f"pixels must be 0 to 255; this image's maximum is {high:.3g}; multiply by 255.")
    return Image.fromarray(np.rint(pixels).astype("uint8"))


# ---------------------------------------------------------------- finding the file


def lite_path(variant: str) -> Path:
    """Where tools/convert_lite.py puts the weights of a Lite variant: lite0 is shipped, the others are yours."""
    return (DATA if variant == "lite0" else CACHE) / f"{variant}.npz"


def _converted(variant):
    make = f"`python tools/convert_lite.py {variant}` makes it"
    return _verified(lite_path(variant), LITE_SHA256[variant], f"{make}, or give the file with path=")


def _verified(path, expected, remedy):
    """`path`, if the file is there and what it should be; `remedy` brings it back."""
    if not path.is_file():
        raise FileNotFoundError(f"{str(path)!r} is missing; {remedy}.")
    found = sha256(path)
    if found != expected:
        raise ValueError(f"{str(path)!r} is damaged: sha256 {found}, expected {expected}; {remedy}.")
    return path


def _keras_home():
    """Where Keras keeps its files. As Keras does, we take the temporary folder where no home can be written to."""
    home = os.path.expanduser("~")
    here = Path(home if os.access(home, os.W_OK) else tempfile.gettempdir()) / ".keras"
    return Path(os.path.expanduser(os.environ.get("KERAS_HOME") or here)).resolve()


def _downloaded(variant, include_top):
    folder = _keras_home() / "models"
    path = folder / f"efficientnet{variant}{'' if include_top else '_notop'}.h5"
    expected = KERAS_MD5[variant][0 if include_top else 1]
    if path.exists():
        found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        if found != expected:
            raise ValueError(f"{str(path)!r} is damaged: MD5 {found}, expected {expected}; delete it and try again.")
        return path

    part = path.with_name(f"{path.name}.{os.getpid()}.part")  # what breaks half-way never bears the final name
    try:
        keras.utils.get_file(part.name, KERAS_URL + path.name, cache_subdir=str(folder), file_hash=expected)
        os.replace(part, path)
    except Exception as error:  # Keras raises bare Exceptions here
        reason = " ".join(str(error).split())
        raise FileNotFoundError(
            f"{path.name} cannot be downloaded ({reason}); put this file, MD5 {expected}, into {str(folder)!r}, "
            "or use 'lite0', which needs no network."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return path


# ---------------------------------------------------------------- from the file into the model


def _read(path):
    """{"layer/variable": array} of a file; Keras's .h5 has longer names, such as stem_conv/stem_conv/kernel:0."""
    if not path.is_file():
        raise FileNotFoundError(f"{str(path)!r} does not exist; allowed: an .npz of convert_lite.py or Keras's .h5.")
    try:
        if path.suffix == ".npz":
            return read_arrays(path)
        import h5py

        arrays = {}

        def collect(name, node):
            if isinstance(node, h5py.Dataset):
                layer, *_, variable = name.split("/")
                require(node.nbytes <= MOST, name, f"{node.nbytes:,} bytes", f"at most {MOST:,}")
                arrays[f"{layer}/{variable.removesuffix(':0').replace('depthwise_', '')}"] = node[()]

        with h5py.File(path, "r") as file:
            file.visititems(collect)
        return arrays
    except Exception as error:  # zip, zlib, numpy and h5py each raise their own kind
        causes = "it is cut off, damaged, or neither .npz nor .h5"
        raise ValueError(f"{str(path)!r} cannot be read: {causes}; get the file anew.") from error


def _without_normalization(arrays, baseline, complaint):
    """The arrays but the normalization's, whose variance must be the standard deviation, as in Keras's files.

    Keras divides by its square root twice, in two layers (tensorflow#49930); our single Rescaling divides once.
    """
    stored = {name.split("/")[1]: value for name, value in arrays.items() if name.startswith("normalization")}
    for name, pixels in (("mean", baseline.mean), ("variance", baseline.std)):
        found = [round(float(value), 5) for value in np.ravel(stored.get(name, []))]
        expected = [round(value / 255, 5) for value in pixels]
        if found != expected:
            raise ValueError(f"{complaint}: its normalization {name} is {found} and must be {expected}.")
    return {name: value for name, value in arrays.items() if not name.startswith("normalization")}


def _assign(model, arrays, complaint):
    """Loads all of `arrays` into the model, or nothing; only a classifier that the model does not have may be left."""
    variables = {f"{layer.name}/{variable.name}": variable for layer in model.layers for variable in layer.weights}
    problems = []
    for name, variable in variables.items():
        array, shape = arrays.get(name), tuple(variable.shape)
        if array is None:
            problems.append(f"{name} is missing")
        elif array.shape != shape:
            problems.append(f"{name} is {array.shape} and must be {shape}")
        elif array.dtype.kind != "f" or not np.isfinite(array).all():
            problems.append(f"{name} has values that are not finite numbers")
    headless = "predictions/kernel" not in variables
    for name in arrays:
        unwanted_top = headless and name.startswith("predictions/")
        if name not in variables and not unwanted_top:
            problems.append(f"{name} is left over")
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ValueError(f"{complaint}: {problems[0]}{more}; give the file of this variant.")
    for name, variable in variables.items():
        variable.assign(arrays[name].astype("float32"))
