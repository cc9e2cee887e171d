"""All of CIFAR-10 and Fashion-MNIST from the files of their authors: fetched, read without pickle, and verified."""

import gzip
import hashlib
import os
import tarfile
import tempfile
import zlib
from pathlib import Path

import numpy as np

from arguments import require

Split = tuple[np.ndarray, np.ndarray]  # images and labels
FASHION_MNIST_FILES = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
]
SOURCES = {
    "cifar10": ("https://www.cs.toronto.edu/~kriz/", ["cifar-10-binary.tar.gz"]),
    "fashion_mnist": ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/", FASHION_MNIST_FILES),
}
CIFAR10_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"  # of the archive
DIGESTS = {  # sha256 of a complete data set, see `verified`
    "cifar10": "80387ddb9a0edf3fc4a964ee3770296169bb26a651050df20035579673099660",
    "fashion_mnist": "ca3ab2a37f845e1b8ae23cab1b51749a3011ba3bf1d9016176d75cbaabac376f",
}
LARGEST = 16 + 60_000 * 28 * 28  # bytes of the largest file of Fashion-MNIST, without its compression


def fetch(name: str) -> tuple[Split, Split]:
    """All of "cifar10" or "fashion_mnist", from the network: ((x, y), (x_test, y_test)), as `verified` gives them.

    Nothing stays on the disk. Raises ValueError, in one line, for files that are not the original ones, and whatever
    `keras.utils.get_file` raises without a network.
    """
    import keras  # above, it would start TensorFlow before `architecture` has turned its log off

    base, files = SOURCES[name]
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            keras.utils.get_file(file, base + file, cache_dir=folder, cache_subdir=".")
        data = dict(cifar10=_read_cifar10, fashion_mnist=read_fashion_mnist)[name](Path(folder))
    return verified(name, base, data)


def _read_cifar10(folder):
    """The binary version: for each image its label, then its three planes, 32 x 32 bytes each."""
    (file,) = folder.iterdir()
    original = sha256(file) == CIFAR10_SHA256
    require(original, "the archive of cifar10", file.name, "the original only; get it again")
    with tarfile.open(file) as tar:

        def batch(name):
            content = tar.extractfile(f"cifar-10-batches-bin/{name}.bin").read()
            rows = np.frombuffer(content, np.uint8).reshape(-1, 1 + 3 * 32 * 32)
            return rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy(), rows[:, 0].astype(np.int64)

        train = [batch(f"data_batch_{i}") for i in range(1, 6)]
        x, y = np.concatenate([x for x, _ in train]), np.concatenate([y for _, y in train])
        return (x, y), batch("test_batch")


def read_fashion_mnist(folder: Path) -> tuple[Split, Split]:
    """The four files of github.com/zalandoresearch/fashion-mnist: a header, then a byte for each pixel or label.

    Images are uint8 (n, 28, 28, 1), labels int64 (n,). Raises ValueError, in one line.
    """
    x, y, x_test, y_test = (_bytes_of(folder / file) for file in FASHION_MNIST_FILES)
    return (x, y.astype(np.int64)), (x_test, y_test.astype(np.int64))


def _bytes_of(file):
    header, shape = (16, (-1, 28, 28, 1)) if "images" in file.name else (8, (-1,))
    try:
        if not file.is_file():  # a pipe has no end
            raise ValueError("it is no file")
        with gzip.open(file) as compressed:
            content = compressed.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError("it is too large")
        return np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()  # to write to
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ValueError(f"{str(file)!r} cannot be read; allowed: the original file of Fashion-MNIST.") from error


def verified(name: str, source: str | os.PathLike, data: tuple[Split, Split]) -> tuple[Split, Split]:
    """`data`, if it is all of "cifar10" or "fashion_mnist". Raises ValueError that names the `source` if it is not.

    The sha256 is that of the bytes of x_train, y_train, x_test and y_test in this order, labels as one byte each.
    """
    digest = hashlib.sha256()
    for x, y in data:
        digest.update(np.ascontiguousarray(x))
        digest.update(y.astype(np.uint8))
    original = digest.hexdigest() == DIGESTS[name]
    require(original, f"the file of {name}", str(source), "the original data only; get it again")
    return data


def sha256(path: str | os.PathLike) -> str:
    """The sha256 of a file, of any size. Raises ValueError for what is no file, as a pipe, whose end never comes."""
    require(Path(path).is_file(), "path", str(path), "a file that exists")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
