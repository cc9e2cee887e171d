r"""Photos, class names, CIFAR-10, Fashion-MNIST and the tables of numbers that the lessons use.

Everything but `full=True` is in the folder data/, so no network is needed; data/README.md says where each file is
from and under which licence. Images are uint8 arrays, (height, width, channels), pixels 0 to 255.
"""

import hashlib
import os
import warnings
from collections import Counter
from contextlib import ExitStack, suppress
from numbers import Integral
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from arguments import is_number, require
from atomic import locked, read_arrays, read_rows, write_atomically
from downloads import Split, fetch, verified

DATA = Path(__file__).resolve().parent.parent / "data"
CACHE = DATA / "cache"  # not in git: complete data sets, verified, from the network or from tools/
PHOTOS = {
    "chelsea": "chelsea.png",
    "coffee": "coffee.webp",
    "camera": "camera.png",
    "astronaut": "astronaut.jpg",
    "rocket": "rocket.jpg",
}
PHOTO_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
HEIC = (".heic", ".heif")  # what phones write, and Pillow alone cannot read
NOTES = (".txt", ".md", ".csv", ".json", ".xml", ".ini", ".db")  # beside photos, and nobody misses them
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FASHION_MNIST_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
CROP_PADDING = 32  # pixels around the centre crop, tensorflow/tpu models/official/efficientnet/preprocessing.py
LARGEST = 10_000  # pixels a side that are ever asked for: more would only fill the memory
SUBSET_TRAIN = 200  # images per class; 100 more are for the test
PathLike = str | os.PathLike


# ---------------------------------------------------------------- one photo


def photo(name: PathLike, size: int | None = None) -> np.ndarray:
    """A photo: one of PHOTOS, or the path of an image file of your own, as `rgb` reads it.

    Returns uint8 (height, width, 3), or (size, size, 3) when a `size` is given: the centre square whose side is
    size / (size + 32) of the shorter side, then resized with Pillow's bicubic filter. This is how EfficientNet is
    evaluated (tensorflow/tpu models/official/efficientnet/preprocessing.py). Raises ValueError.
    """
    allowed = f"{', '.join(PHOTOS)}, or the path of an image file"
    require(isinstance(name, (str, os.PathLike)), "photo", name, allowed)
    if size is not None:
        _require_size(size)
    try:
        image = rgb(DATA / "photos" / PHOTOS[name] if name in PHOTOS else name)
    except ValueError as error:
        complaint = f"photo is {str(name)!r}, which cannot be read as an image ({error})"
        raise ValueError(f"{complaint}; allowed: {allowed}.") from error
    return np.array(image if size is None else centre_square(image, int(size)))


def _require_size(size):
    fits = is_number(size, Integral) and 0 < size <= LARGEST
    require(fits, "size", size, f"a whole number of pixels above 0, at most {LARGEST:,}")


def centre_square(image: Image.Image, size: int) -> Image.Image:
    """The square in the middle that EfficientNet is evaluated on, size by size pixels; see `photo`."""
    side = max(1, int(size / (size + CROP_PADDING) * min(image.size)))
    left, top = ((length - side + 1) // 2 for length in image.size)
    return image.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.BICUBIC)


def rgb(source: Image.Image | PathLike) -> Image.Image:
    """An image, or the one in a file, as 8-bit RGB: upright, white where it is transparent, 16 bits scaled to 8.

    A new image; the one given stays as it is. Raises ValueError, whose text is the cause alone.
    """
    try:
        if isinstance(source, Image.Image):
            return _as_rgb(source)
        if os.path.exists(source) and not (os.path.isfile(source) or os.path.isdir(source)):
            raise ValueError("it is no file")  # but a pipe or a device, whose end never comes
        with Image.open(source) as file:
            return _as_rgb(file)
    except UnidentifiedImageError as error:
        heic = str(source).lower().endswith(HEIC)
        raise ValueError("it is HEIC; save it as JPEG" if heic else "it is no image that Pillow knows") from error
    except Exception as error:  # the readers of the many formats raise a dozen kinds
        cause = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ValueError(cause or type(error).__name__) from error


def _as_rgb(image):
    tile = getattr(image, "tile", None)  # how pixels lie in the file, which Pillow forgets as it loads
    stored = tile[0][3] if tile else None
    image.load()  # turns a TIFF upright, so its orientation is read only afterwards
    if 0 in image.size:
        raise ValueError("it has no pixels")
    orientation = _orientation(image)
    if image.mode[0] in "IF":
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = _with_transparency(image, stored).convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    image.info = {}  # EXIF, of which only this is trusted
    image.getexif()[ExifTags.Base.Orientation] = orientation
    return ImageOps.exif_transpose(image)


def _with_transparency(image, stored):
    """An image of which one value is see-through: Pillow scales pixels of 2, 4 or 16 bits to 8, but not that value."""
    value = image.info.get("transparency")
    if stored == "RGB;16B" and isinstance(value, tuple):
        value = tuple(part >> 8 for part in value)
    elif stored in ("L;2", "L;4") and isinstance(value, int):
        value *= 85 if stored == "L;2" else 17
    else:
        return image
    image = image.copy()  # the caller's stays as it is
    image.info["transparency"] = value
    return image


def _orientation(image):
    """Nothing else is read of EXIF: cameras write what they like into it, and that must not cost us the photo."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return 1


def _eight_bits(image):
    """Grey of more than 8 bits, which Pillow would cut off at 255, as mode L."""
    tiff = getattr(image, "tag_v2", {})
    bits = tiff.get(ExifTags.Base.BitsPerSample, (16,))[0]
    sixteen_bits = image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))
    if not sixteen_bits:
        raise ValueError(f"its mode is {image.mode}, where black and white are no fixed numbers; save it with 8 bits")
    pixels = np.asarray(image).astype(np.uint32)
    see_through = pixels == image.info.get("transparency", -1)
    grey = (pixels * 255 // (2**bits - 1)).astype(np.uint8)
    if tiff.get(ExifTags.Base.PhotometricInterpretation) == 0:  # 0 is white
        grey = 255 - grey
    grey[see_through] = 255
    return Image.fromarray(grey)


# ---------------------------------------------------------------- a folder of photos, and class names


def album(path: PathLike, size: int) -> tuple[np.ndarray, np.ndarray, list[Path], tuple[str, ...]]:
    """A folder of your own photos, with a folder for each class: (images, labels, files, classes).

    Images are uint8 (n, size, size, 3): the central square of each photo, read by `rgb`, resized with Pillow's bicubic
    filter. Labels are int64 (n,), positions in `classes`, which are the folders' names in alphabetical order; `files`
    are the n paths. Class after class, in alphabetical order of the files. Warns of copies and of what is left out:
    files whose ending is not in PHOTO_ENDINGS, sub-folders of classes, files beside them; hidden files and NOTES are
    left out without a word. Raises ValueError, which names every photo that cannot be read and every class without two.
    """
    allowed = "a folder that holds two or more folders, one for each class, of two or more photos each"
    require(isinstance(path, (str, os.PathLike)) and os.path.isdir(path), "path", str(path), allowed)
    _require_size(size)
    photos, left_out, problems = _survey(Path(path))
    images, labels, files = [], [], []
    for label, of_class in enumerate(photos.values()):
        images += _central_squares(of_class, int(size), problems)
        labels += [label] * len(of_class)
        files += of_class
    left_out = ", ".join(f"{count} {kind}" for kind, count in left_out.items())
    if problems:
        ending = f"; left out: {left_out}" if left_out else ""
        raise ValueError(f"path is {str(path)!r}, where {', '.join(problems)}; allowed: {allowed}{ending}.")
    if left_out:
        rule = f"a photo is a file right inside its class's folder, {', '.join(PHOTO_ENDINGS)}"
        warnings.warn(f"album({str(path)!r}) leaves out {left_out}; {rule}.", stacklevel=2)
    if copies := len(images) - len({hashlib.sha256(image).digest() for image in images}):
        advice = "one in the test is no test; delete them"
        warnings.warn(f"album({str(path)!r}) has {copies} copies of photos: {advice}.", stacklevel=2)
    return np.array(images), np.array(labels, np.int64), files, tuple(photos)


def split(labels, groups=None, shares=(0.6, 0.2, 0.2), seed=0) -> list[np.ndarray]:
    """Which images go into each part, such as training, validation and test: an array of positions for each share.

    Every class is divided in these `shares`, and each part gets some of it. `groups`, (n,): images with the same value
    stay together, as photos of one burst must. `seed` decides which, and the order. Raises ValueError for shares that
    do not add up to 1, and for a class with fewer groups than there are parts.
    """
    labels = np.asarray(labels)
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    require(len(groups) == len(labels), "the number of groups", len(groups), f"{len(labels)}, one for each label")
    shares = np.asarray(shares, float)
    require((shares > 0).all() and abs(shares.sum() - 1) < 1e-6, "shares", shares.tolist(), "numbers that add up to 1")
    random, part_of = np.random.default_rng(seed), {}
    classes = {label: Counter(groups[labels == label].tolist()) for label in np.unique(labels)}
    by_groups = sorted(classes.items(), key=lambda item: len(item[1]))
    for label, images_in in by_groups:  # who has the fewest groups chooses first, in case a group has two classes
        allowed = f"{len(shares)} or more; only then each part has some"
        require(len(images_in) >= len(shares), f"the number of groups in class {label}", len(images_in), allowed)
        wanted, have = shares * images_in.total(), np.zeros(len(shares))
        drawn = random.permutation(sorted(images_in)).tolist()
        drawn.sort(key=lambda group: group not in part_of)  # first those that another class has placed
        for group in drawn:
            emptiest = int(np.argmax((wanted - have) / wanted))  # the part that lacks most of what it should have
            part = part_of.setdefault(group, emptiest)
            have[part] += images_in[group]
    for label, images_in in by_groups:
        found = len({part_of[group] for group in images_in})
        allowed = f"{len(shares)}; groups that it shares with other classes leave it no more: try another seed"
        require(found == len(shares), f"the number of parts with class {label}", found, allowed)
    parts = np.array([part_of[group] for group in groups.tolist()])
    return [random.permutation(np.flatnonzero(parts == part)) for part in range(len(shares))]


def enlarge(images: np.ndarray, size: int) -> np.ndarray:
    """Images (n, height, width, 3), uint8, brought to size x size pixels with Pillow's bicubic filter."""
    resized = np.empty((len(images), size, size, 3), np.uint8)
    for i, image in enumerate(images):
        resized[i] = Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)
    return resized


def _survey(path):
    """The photos of each class, {name: [file]}; what is left out, {kind: number of files}; and the list of problems."""
    photos, left_out, problems = {}, Counter(), []
    for place in _listed(path, problems):
        if not place.is_dir():
            if _ending(place) not in NOTES:
                left_out[f"{_ending(place)} beside the classes"] += 1
            continue
        name = os.fsencode(place.name).decode("utf-8", "surrogateescape")  # whatever the locale's encoding
        photos[name] = []
        for file in _listed(place, problems):
            if file.is_dir():
                inside = [each for each in file.rglob("*") if _ending(each) in PHOTO_ENDINGS]
                left_out[f"in the sub-folder {name}/{file.name}"] += len(inside)
            elif _ending(file) in PHOTO_ENDINGS + HEIC:
                photos[name].append(file)
            elif _ending(file) not in NOTES:
                left_out[_ending(file)] += 1
        if len(photos[name]) < 2:
            problems.append(f"the number of photos in {name!r} is {len(photos[name])}")
    if len(photos) < 2:
        problems.append(f"the number of classes is {len(photos)}")
    return photos, +left_out, problems


def _listed(place, problems):
    """What is in a folder, in alphabetical order, without what is hidden and what a Mac adds to archives."""
    try:
        return sorted(f for f in place.iterdir() if not f.name.startswith(".") and f.name != "__MACOSX")
    except OSError as error:
        problems.append(f"{place.name!r} cannot be listed ({error.strerror})")
        return []


def _ending(file):
    return file.suffix.lower() or "without an ending"


def _central_squares(files, size, problems):
    images = []
    for file in files:
        try:
            images.append(np.array(ImageOps.fit(rgb(file), (size, size), Image.Resampling.BICUBIC)))
        except ValueError as error:
            problems.append(f"{file.parent.name}/{file.name} cannot be read as an image ({error})")
    return images


def class_names() -> list[str]:
    """The 1,000 names of ImageNet, in the order of the classifier's outputs. "crane" and "maillot" occur twice."""
    return (DATA / "imagenet_classes.txt").read_text(encoding="utf-8").splitlines()


# ---------------------------------------------------------------- CIFAR-10 and Fashion-MNIST


def cifar10(full: bool = False) -> tuple[Split, Split]:
    """CIFAR-10 (Krizhevsky 2009): ((x_train, y_train), (x_test, y_test)).

    Images are uint8 (n, 32, 32, 3), labels int64 (n,), see CIFAR10_CLASSES. The shipped subset has 2,000 + 1,000
    images: the first 200 (100) of each class in the order of the full data, taken in turn, so the labels run
    0, 1, ... 9, 0, 1, ... and any ten neighbours are balanced. `full=True` returns all 50,000 + 10,000, which are
    downloaded once into data/cache/cifar10.npz. Raises ValueError for a file that is not what it should be, OSError
    without file and network. The authors state no licence; `fashion_mnist` can stand in its place.
    """
    shape = (32, 32, 3)
    return complete("cifar10", shape) if full else _subset("cifar10.webp", shape)


def fashion_mnist(full: bool = False) -> tuple[Split, Split]:
    """Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747) in the form of `cifar10`, to be used in its place.

    Its grey images of 28 x 28 pixels have two black pixels more on each side and three equal channels: uint8
    (n, 32, 32, 3). Labels are int64 (n,), see FASHION_MNIST_CLASSES. The subset is chosen as in `cifar10`, and
    `full=True` returns all 60,000 + 10,000. Raises as `cifar10` does.
    """
    shape = (28, 28, 1)
    data = complete("fashion_mnist", shape) if full else _subset("fashion_mnist.png", shape)
    (x, y), (x_test, y_test) = data
    return (_like_cifar10(x), y), (_like_cifar10(x_test), y_test)


cifar10.classes = CIFAR10_CLASSES  # so that one word in a lesson changes images and names
fashion_mnist.classes = FASHION_MNIST_CLASSES


def _like_cifar10(images):
    return np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0))).repeat(3, axis=-1)


def _subset(file, shape):
    """Cuts a mosaic into images. Its columns are the ten classes, its rows first those of train, then those of test."""
    height, width, channels = shape
    path = DATA / file
    if not path.is_file():
        raise FileNotFoundError(f"{str(path)!r} is missing; `git checkout data/{file}` brings it.")
    with Image.open(path) as image:
        mosaic = np.array(image).reshape(-1, height, 10, width, channels)
    images = mosaic.swapaxes(1, 2).reshape(-1, *shape)
    labels = np.arange(len(images), dtype=np.int64) % 10
    n = 10 * SUBSET_TRAIN
    return (images[:n], labels[:n]), (images[n:], labels[n:])


def complete(name: str, shape: tuple[int, int, int]) -> tuple[Split, Split]:
    """All of "cifar10" or "fashion_mnist" as their authors publish it, images (n, *shape); raises as `cifar10` does."""
    path = CACHE / f"{name}.npz"
    (x, y), (x_test, y_test) = _cached(name, path) if path.is_file() else _downloaded(name, path)
    y, y_test = (labels.ravel().astype(np.int64) for labels in (y, y_test))
    return (x.reshape(-1, *shape), y), (x_test.reshape(-1, *shape), y_test)


def _cached(name, path):
    try:
        arrays = read_arrays(path)
        return verified(name, path, ((arrays["x"], arrays["y"]), (arrays["x_test"], arrays["y_test"])))
    except Exception as error:  # cut short or changed: numpy and zipfile raise a dozen kinds
        raise ValueError(f"{str(path)!r} is not all of {name}; delete it, then it is downloaded.") from error


def _downloaded(name, path):
    """The data set from the network, unless another process brings it meanwhile; kept for the next time."""
    with ExitStack() as stack:
        with suppress(OSError):  # no lock in a folder that cannot be written, and no need of one
            stack.enter_context(locked(path))
        if path.is_file():
            return _cached(name, path)
        try:
            data = fetch(name)
        except ValueError:
            raise
        except Exception as error:  # without a network Keras raises a bare Exception
            make = f"`python tools/prepare_data.py {name} --help` says how to do without"
            raise OSError(f"{name} cannot be downloaded; {make}, or use full=False, which needs no network.") from error
        try:
            keep(path, data)
        except OSError as error:
            warnings.warn(f"{name} is downloaded but not kept for the next time: {error}.", stacklevel=4)
        return data


def keep(path: PathLike, data: tuple[Split, Split]) -> None:
    """Writes a complete data set as the file that `complete` reads, whole or not at all."""
    (x, y), (x_test, y_test) = data
    write_atomically(path, lambda file: np.savez(file, x=x, y=y, x_test=x_test, y_test=y_test))


# ---------------------------------------------------------------- tables of numbers


def published(name: str) -> list[dict]:
    """The rows of data/published/<name>.csv as dicts: numbers from papers and model zoos, each row with its "source".

    A column becomes int, or float, when every cell that is not empty is one; an empty cell is None. Raises ValueError.
    """
    return _table("published", name)


def measured(name: str) -> list[dict]:
    """The rows of data/measured/<name>.csv: numbers measured by src/experiments/. Typed as in `published`."""
    return _table("measured", name)


NEWER_FAMILIES = ("EfficientNetV2", "ConvNeXt", "MobileNetV4")
RECIPES_OF_2020 = ("in1k", "aa", "ap", "ra", "ra2", "pycls", "tv", "gluon", "rmsp", "am", "ram", "deit")  # timm's names


def known_in_2020(row: dict) -> bool:
    """Whether the weights of this row of networks.csv were known in 2020, as we read timm's name of their recipe."""
    return row["family"] not in NEWER_FAMILIES and row["recipe"].split("_")[0] in RECIPES_OF_2020


def _table(folder, name):
    tables = {path.stem: path for path in sorted((DATA / folder).glob("*.csv"))}
    require(name in list(tables), f"{folder} table", name, ", ".join(tables))
    rows = read_rows(tables[name])
    require(rows, "the number of rows of", tables[name].name, "one or more")
    # csv puts surplus cells under None, and None into missing ones
    odd = [line for line, row in enumerate(rows, start=2) if None in row or None in row.values()]
    require(not odd, f"the number of cells of {tables[name].name}, lines", odd, "one for each column")
    for column in rows[0]:
        cells = _typed([row[column] for row in rows])
        for row, cell in zip(rows, cells):
            row[column] = cell
    return rows


def _typed(cells):
    for kind in (int, float, str):
        try:
            return [kind(cell) if cell else None for cell in cells]
        except ValueError:
            continue
