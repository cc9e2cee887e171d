"""datasets.py and the folder data/. No test touches the network."""

import hashlib
import math
import os
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

import datasets
import downloads

TABLES = sorted(path.stem for path in (datasets.DATA / "published").glob("*.csv"))


def one_line(error):
    return "\n" not in str(error.value)


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


UPRIGHT = {  # what a viewer does for each value of the EXIF tag Orientation (CIPA DC-008, 4.6.4)
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
    8: lambda x: np.rot90(x, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("ending", ["png", "tiff", "webp"])  # Pillow itself turns a TIFF: once is enough
def test_a_photo_is_turned_upright(tmp_path, orientation, ending):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = tmp_path / f"mine.{ending}"
    Image.fromarray(pixels).save(file, exif=exif, lossless=True)
    np.testing.assert_array_equal(datasets.photo(file), UPRIGHT[orientation](pixels))
    with Image.open(file) as image:
        np.testing.assert_array_equal(np.array(datasets.rgb(image)), UPRIGHT[orientation](pixels))


def exif_bytes(*entries):
    """EXIF of (tag, type, count, value or offset): one directory, little endian."""
    directory = b"".join(struct.pack("<HHI4s", *entry) for entry in entries)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + directory + bytes(4)


TURNED = (0x0112, 3, 1, b"\x06\0\0\0")
ODD = {  # tags that a strict reader stumbles over
    "a resolution that is text": (0x011A, 2, 4, b"72 \0"),
    "a negative resolution": (0x011A, 10, 1, b"\x0e\0\0\0"),
    "a short too large": (0x0128, 4, 1, b"\x9f\x86\x01\0"),
    "offsets as text": (0x0111, 2, 4, b"abc\0"),
    "a directory that is nowhere": (0x8769, 4, 1, b"\xff\xff\xff\x7f"),
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_exif_costs_neither_the_photo_nor_its_orientation(tmp_path, odd):
    file = tmp_path / "mine.png"
    Image.new("RGB", (6, 4)).save(file, exif=exif_bytes(TURNED, ODD[odd]))
    assert datasets.photo(file).shape == (6, 4, 3)


@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0nothing", exif_bytes((0x0112, 2, 4, b"six\0")), exif_bytes((0x0112, 3, 1, b"\x63\0\0\0")), b"II*"],
)
def test_a_photo_whose_orientation_is_no_orientation_stays_as_it_is(tmp_path, exif):
    file = tmp_path / "mine.png"
    Image.new("RGB", (6, 4)).save(file, exif=exif)
    assert datasets.photo(file).shape == (4, 6, 3)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK", "LA", "YCbCr", "LAB"])
def test_any_colour_mode_becomes_rgb(tmp_path, mode):
    original = Image.fromarray(datasets.photo("rocket", 32))
    converted = original.convert(mode)
    before = converted.tobytes()
    found = np.array(datasets.rgb(converted))
    path = tmp_path / "mine.tiff"
    converted.save(path)
    np.testing.assert_array_equal(datasets.photo(path), found)
    assert found.shape == (32, 32, 3) and abs(found.mean() - np.mean(original)) < 10
    assert converted.mode == mode and converted.tobytes() == before


def test_what_is_transparent_is_white(tmp_path):
    """Black ink, red hidden behind transparency, and half of black."""
    image = Image.fromarray(np.array([[[0, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 128]]], np.uint8))
    assert np.array(datasets.rgb(image)).tolist() == [[[0, 0, 0], [255, 255, 255], [127, 127, 127]]]
    assert np.array(datasets.rgb(image.convert("LA")))[0, :, 0].tolist() == [0, 255, 127]
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 0])
    for transparency, expected in ((b"\xff\0\x80", [0, 255, 127]), (1, [0, 255, 0])):
        palette.save(tmp_path / "palette.png", transparency=transparency)
        assert datasets.photo(tmp_path / "palette.png")[0, :, 0].tolist() == expected


@pytest.mark.parametrize(("mode", "black"), [("1", 0), ("L", 0), ("RGB", (0, 0, 0)), ("I;16", 0)])
def test_one_colour_that_stands_for_transparent_is_white(tmp_path, mode, black):
    image = Image.new(mode, (2, 1))
    image.putpixel((1, 0), {"1": 1, "RGB": (80, 80, 80), "L": 80, "I;16": 80 * 257}[mode])
    image.save(tmp_path / "mine.png", transparency=black)
    found = datasets.photo(tmp_path / "mine.png")[0, :, 0]
    assert found.tolist() == ([255, 255] if mode == "1" else [255, 80])


def test_sixteen_bits_of_grey_keep_their_brightness(tmp_path):
    ramp = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    for ending in ("png", "tiff", "pgm", "jp2"):
        file = tmp_path / f"mine.{ending}"
        Image.fromarray(ramp).save(file)
        found = datasets.photo(file)
        assert found.shape == (64, 64, 3) and np.abs(found[..., 0] - ramp / 257).max() < 1.01
    big_endian = Image.frombytes("I;16B", (64, 64), ramp.astype(">u2").tobytes())
    assert np.abs(np.array(datasets.rgb(big_endian))[..., 0] - ramp / 257).max() < 1.01


def tiff(bits, white_is_zero, content):
    """A TIFF of two grey pixels in a row, as the specification (TIFF 6.0, section 4) lays it out."""
    entries = [(256, 3, 2), (257, 3, 1), (258, 3, bits), (259, 3, 1), (262, 3, 0 if white_is_zero else 1)]
    entries += [(273, 4, 8 + 2 + 9 * 12 + 4), (277, 3, 1), (278, 3, 1), (279, 4, len(content))]
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + directory + bytes(4) + content


@pytest.mark.parametrize(
    ("bits", "white_is_zero", "content", "expected"),
    [
        (12, False, b"\xff\xf8\x00", [255, 127]),  # 4095 and 2048
        (16, False, b"\xff\xff\x00\x80", [255, 127]),
        (16, True, b"\xff\xff\x00\x40", [0, 192]),
        (8, True, b"\xff\x40", [0, 191]),
    ],
)
def test_tiffs_of_any_depth_keep_their_brightness(tmp_path, bits, white_is_zero, content, expected):
    (tmp_path / "mine.tif").write_bytes(tiff(bits, white_is_zero, content))
    assert datasets.photo(tmp_path / "mine.tif")[0, :, 0].tolist() == expected


@pytest.mark.parametrize("mode", ["F", "I"])
def test_a_mode_without_a_white_is_refused_by_name(tmp_path, mode):
    Image.new(mode, (4, 4)).save(tmp_path / "mine.tiff")
    with pytest.raises(ValueError, match=f"mine.tiff.*its mode is {mode}, .*save it with 8 bits") as error:
        datasets.photo(tmp_path / "mine.tiff")
    assert one_line(error)


def test_an_image_without_pixels_is_refused():
    with pytest.raises(ValueError, match="it has no pixels"):
        datasets.rgb(Image.new("RGB", (0, 4)))


@pytest.mark.parametrize("name", ["chelsae", "no/such/file.jpg", "", "a" * 300, "nul\0", 3, None])
def test_an_unknown_photo_is_answered_with_the_names(name):
    with pytest.raises(ValueError) as error:
        datasets.photo(name)
    assert one_line(error) and str(error.value).startswith(f"photo is {name!r}")
    assert all(known in str(error.value) for known in ("chelsea", "coffee", "camera", "astronaut", "rocket"))


def large_text(path):
    """A PNG whose text unpacks to more than Pillow's limit of a megabyte."""
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("Comment", "x" * 2_000_000, zip=True)
    Image.new("RGB", (4, 4)).save(path, pnginfo=text)


@pytest.mark.parametrize(
    ("name", "write", "cause"),
    [
        ("empty.jpg", lambda path: path.write_bytes(b""), "no image that Pillow knows"),
        ("half.jpg", lambda path: path.write_bytes(rocket()[:40]), "Truncated"),
        ("half.jpg", lambda path: path.write_bytes(rocket()[:3000]), "truncated"),
        ("phone.HEIC", lambda path: path.write_bytes(b"\0\0\0\x18ftypheic"), "HEIC; save it as JPEG"),
        ("text.png", large_text, "MAX_TEXT_CHUNK"),
        ("large.png", lambda path: Image.new("1", (2001, 1000)).save(path), "2001000 pixels"),
        ("folder.png", lambda path: path.mkdir(), "Is a directory|Permission denied"),
        ("none.png", lambda path: None, r"image \(No such file or directory"),
    ],
)
def test_a_photo_that_cannot_be_read_is_named_with_the_cause(tmp_path, monkeypatch, name, write, cause):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)  # twice as many are refused
    write(tmp_path / name)
    with pytest.raises(ValueError, match=rf"photo is .*{name}.*({cause}).*\); allowed: ") as error:
        datasets.photo(tmp_path / name)
    assert one_line(error)


def rocket():
    return (datasets.DATA / "photos" / "rocket.jpg").read_bytes()


@pytest.mark.parametrize("size", [0, -1, 2.5, "224", True])
def test_a_size_is_a_whole_number_above_0(size):
    with pytest.raises(ValueError, match="size is .*whole number"):
        datasets.photo("coffee", size)


def test_class_names_are_in_the_order_of_imagenet():
    names = datasets.class_names()
    assert len(names) == 1000 and all(name == name.strip() != "" for name in names)
    # well-known outputs of keras.applications.imagenet_utils.decode_predictions, from both ends and between
    known = {0: "tench", 1: "goldfish", 207: "golden retriever", 281: "tabby", 285: "Egyptian cat", 340: "zebra"}
    known |= {386: "African elephant", 504: "coffee mug", 657: "missile", 812: "space shuttle", 872: "tripod"}
    known |= {954: "banana", 967: "espresso", 999: "toilet tissue"}
    assert {i: names[i] for i in known} == known


# ---------------------------------------------------------------- a folder of photos


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
        (tmp_path / name / "notes.txt").write_text("not a photo", encoding="utf-8")
        (tmp_path / name / "Thumbs.db").write_bytes(b"of Windows")
        (tmp_path / name / "more.png").mkdir()
        (tmp_path / name / ".hidden.png").write_bytes(b"")
    for name in (".checkpoints", "__MACOSX"):
        (tmp_path / name).mkdir()
    (tmp_path / "readme.md").write_text("not a class", encoding="utf-8")
    return tmp_path


@pytest.mark.filterwarnings("error")
def test_an_album_has_every_photo_with_its_file(album):
    images, labels, files, classes = datasets.album(str(album), 24)
    assert classes == ("a b", "wool", "Ähre") and np.bincount(labels).tolist() == [5, 2, 10]
    assert images.shape == (17, 24, 24, 3) and images.dtype == np.uint8 and labels.dtype == np.int64
    for image, label, file in zip(images, labels, files):
        assert file.parent.name == classes[label]
        level = {"wool": 30, "a b": 90, "Ähre": 150}[classes[label]]  # of the brightness, whatever the file's mode
        assert abs(image.mean() - level) < 15
        expected = ImageOps.fit(datasets.rgb(file), (24, 24), Image.Resampling.BICUBIC)
        assert np.array_equal(image, np.asarray(expected))


def test_a_split_divides_every_class_and_uses_every_photo_once():
    labels = np.repeat([0, 1, 2], [120, 25, 60])
    parts = datasets.split(labels)
    assert sorted(np.concatenate(parts)) == list(range(205))
    counts = [np.bincount(labels[part]).tolist() for part in parts]
    assert counts == [[72, 15, 36], [24, 5, 12], [24, 5, 12]]
    assert parts[0].tolist() != sorted(parts[0])
    again, other = datasets.split(labels), datasets.split(labels, seed=1)
    assert np.array_equal(again[2], parts[2]) and set(other[2]) != set(parts[2])


def test_a_burst_stays_in_one_part():
    random = np.random.default_rng(0)
    groups = np.sort(random.integers(0, 40, 400))  # of five to fifteen photos; some of two classes
    labels = (np.arange(400) >= 200).astype(int)
    parts = datasets.split(labels, [f"burst {group}" for group in groups])
    seen = [set(groups[part]) for part in parts]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
    assert sum(map(len, parts)) == 400
    for part, share in zip(parts, (0.6, 0.2, 0.2)):
        assert np.abs(np.bincount(labels[part]) / 200 - share).max() < 0.08


@pytest.mark.parametrize("seed", range(50))
def test_each_part_gets_some_of_a_class_that_shares_its_bursts(seed):
    groups = [*np.repeat(np.arange(10), 3), 0, 0, 1, 1, 2, 2]  # ten bursts of three cats; in three of them two dogs
    labels = np.array([0] * 30 + [1] * 6)
    for part in datasets.split(labels, groups, seed=seed):
        assert set(labels[part]) == {0, 1}


@pytest.mark.parametrize("seed", range(8))
def test_groups_that_another_class_has_placed_are_counted_first(seed):
    labels, groups = np.array([0, 0, 0, 1, 1, 1, 1]), [1, 2, 3, 1, 4, 5, 5]
    for part in datasets.split(labels, groups, seed=seed):
        assert set(labels[part]) == {0, 1}


@pytest.mark.parametrize("count", [3, 4, 5, 6, 7])
def test_each_part_gets_some_of_a_small_class(count):
    for part in datasets.split([0] * 50 + [1] * count):
        assert np.sum(part >= 50) >= 1


@pytest.mark.parametrize(
    "labels, options, words",
    [
        ([0] * 5 + [1] * 2, {}, "number of groups in class 1 is 2; allowed: 3 or more"),
        ([0] * 5, dict(groups=list("aabba")), "number of groups in class 0 is 2"),
        ([0] * 5, dict(groups=list("ab")), "number of groups is 2; allowed: 5, one for each label"),
        ([0] * 5, dict(shares=(0.5, 0.4)), "shares is .*add up to 1"),
        ([0] * 5, dict(shares=(1.2, -0.2)), "shares is .*add up to 1"),
        ([0] * 5, dict(shares=(1.0, 0.0)), "shares is .*add up to 1"),
    ],
)
def test_a_split_that_cannot_be_made(labels, options, words):
    with pytest.raises(ValueError, match=words):
        datasets.split(labels, **options)


def test_enlarged_images_keep_what_they_show():
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images[1, :, 2:] = 200
    large = datasets.enlarge(images, 40)
    assert large.shape == (2, 40, 40, 3) and large.dtype == np.uint8 and large[0].max() == 0
    assert large[1, :, :10].max() == 0 and large[1, :, 30:].min() == 200


def put(place, *names):
    place.mkdir(parents=True, exist_ok=True)
    for name in names:
        colour = zlib.crc32(f"{place}{name}".encode()) % 256**3  # no two are alike
        Image.new("RGB", (8, 8), tuple(colour.to_bytes(3, "big"))).save(place / name, format="JPEG")


def test_a_photo_of_a_folder_is_its_central_square(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(2):
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    with pytest.warns(UserWarning, match="3 copies"):
        images, *_ = datasets.album(tmp_path, 20)
    assert np.array_equal(images[0], pixels[:, 5:25])


@pytest.mark.filterwarnings("error")
def test_jpegs_by_all_their_names(tmp_path):
    for name in "ab":
        put(tmp_path / name, "0.jpg", "1.JPEG", "2.jpe", "3.JFIF")
    assert len(datasets.album(tmp_path, 8)[0]) == 8


def test_a_folder_says_what_it_leaves_out(tmp_path):
    for name in "ab":
        put(tmp_path / name, "0.jpg", "1.jpg")
    put(tmp_path / "a", "2.CR2", "3.cr2", "4.jp2", "no ending")
    put(tmp_path / "a" / "more" / "still", "0.jpg", "1.png", "2.txt")
    put(tmp_path, "beside.jpg")
    with pytest.warns(UserWarning) as warned:
        images, *_ = datasets.album(tmp_path, 8)
    assert len(images) == 4
    (message,) = (str(warning.message) for warning in warned)
    words = ["2 .cr2", "1 .jp2", "1 without an ending", "2 in the sub-folder a/more", "1 .jpg beside the classes"]
    assert [word for word in words if word not in message] == [] and "\n" not in message and ".txt" not in message
    assert warned[0].filename == __file__


def test_classes_inside_a_split_are_not_lost_without_a_word(tmp_path):
    for name in ("train/a", "train/b", "val/a", "val/b"):
        put(tmp_path / name, "0.jpg", "1.jpg", "2.jpg")
    with pytest.raises(
        ValueError, match="photos in 'train' is 0, .*in 'val' is 0; .*3 in the sub-folder train/a"
    ) as error:
        datasets.album(tmp_path, 8)
    assert one_line(error)


def test_all_that_is_bad_is_named_at_once(album):
    (album / "wool" / "0.JPG").write_bytes(b"no")
    (album / "wool" / "a.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (album / "Ähre" / "cut.jpg").write_bytes(rocket()[:3000])
    (album / "one").mkdir()
    put(album / "one", "0.jpg", "1.nef")
    with pytest.raises(ValueError) as error:
        datasets.album(album, 8)
    words = [
        "wool/0.JPG cannot be read as an image (it is no image",
        "wool/a.heic cannot be read as an image (it is HEIC",
    ]
    words += ["Ähre/cut.jpg cannot be read as an image (image file is truncated", "photos in 'one' is 1", "1 .nef"]
    assert [word for word in words if word not in str(error.value)] == [] and one_line(error)


def test_one_bad_photo_is_enough(album):
    (album / "wool" / "cut.jpg").write_bytes(rocket()[:3000])
    with pytest.raises(ValueError, match=r"where wool/cut\.jpg cannot be read[^,]*; allowed: [^;]*each\.$"):
        datasets.album(album, 8)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root, and Windows, may read everything")
def test_a_class_that_may_not_be_read_is_named(album):
    (album / "wool").chmod(0)
    try:
        with pytest.raises(ValueError, match=r"'wool' cannot be listed \(Permission denied\)"):
            datasets.album(album, 8)
    finally:
        (album / "wool").chmod(0o700)


@pytest.mark.parametrize(
    ("path", "size", "words"),
    [
        ("none", 8, "path is .*none.*one for each class"),
        ("wool", 8, "path is .*wool.*number of classes is 1; allowed: .*two or more folders"),
        ("", 0, "size is 0"),
    ],
)
def test_a_folder_that_cannot_be_used(album, path, size, words):
    with pytest.raises(ValueError, match=words) as error:
        datasets.album(album / path, size)
    assert one_line(error)


def test_a_folder_is_named_by_a_path():
    for path in (7, None, "a" * 300):
        with pytest.raises(ValueError, match=f"path is '{path}'; allowed: a folder"):
            datasets.album(path, 8)


# ---------------------------------------------------------------- the subsets


@pytest.mark.parametrize(
    ("load", "shape", "classes"),
    [
        (datasets.cifar10, (32, 32, 3), datasets.CIFAR10_CLASSES),
        (datasets.fashion_mnist, (32, 32, 3), datasets.FASHION_MNIST_CLASSES),
    ],
)
def test_subsets_are_balanced_everywhere(load, shape, classes):
    assert len(classes) == 10
    for (x, y), n in zip(load(), (2000, 1000)):
        assert x.shape == (n, *shape) and x.dtype == np.uint8 and y.shape == (n,) and y.dtype == np.int64
        assert (np.sort(y.reshape(-1, 10)) == np.arange(10)).all()  # any ten from a multiple of ten
        assert len({image.tobytes() for image in x}) == n  # no image twice


def test_fashion_mnist_stands_in_the_place_of_cifar10():
    """Same types and shapes; the original pixels in the middle of three equal channels, and black around them."""
    with Image.open(datasets.DATA / "fashion_mnist.png") as image:
        mosaic = np.array(image)  # 28 rows and columns an image, ten images a row
    for (x, y), (other_x, other_y) in zip(datasets.fashion_mnist(), datasets.cifar10(), strict=True):
        assert x.shape == other_x.shape and x.dtype == other_x.dtype
        np.testing.assert_array_equal(y, other_y)
        assert (x == x[..., :1]).all() and not np.delete(x, range(2, 30), axis=1).any()
        assert not np.delete(x, range(2, 30), axis=2).any()
    assert datasets.fashion_mnist.classes[3] == "Dress" and datasets.cifar10.classes[3] == "cat"
    train, test = (x for x, _ in datasets.fashion_mnist())
    np.testing.assert_array_equal(train[13, 2:30, 2:30, 0], mosaic[28:56, 3 * 28 : 4 * 28])
    np.testing.assert_array_equal(test[0, 2:30, 2:30, 1], mosaic[200 * 28 : 201 * 28, :28])


def test_a_subset_that_was_deleted_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "DATA", tmp_path)
    with pytest.raises(FileNotFoundError, match="cifar10.webp' is missing; `git checkout data/cifar10.webp`"):
        datasets.cifar10()


def mean_and_std(images):
    """Of each channel, pixels 0 to 1. Pillow's histogram because numpy takes seconds for 150 million pixels."""
    tall = Image.fromarray(images.reshape(-1, images.shape[2], images.shape[3]).squeeze())
    share = np.reshape(tall.histogram(), (-1, 256)) / (tall.width * tall.height)
    value = np.arange(256) / 255
    return np.stack([share @ value, (share @ value**2 - (share @ value) ** 2) ** 0.5], axis=-1)


@pytest.mark.parametrize(
    ("load", "train", "labels", "statistics", "tolerance"),  # those by which everybody normalizes
    [
        (
            *(datasets.cifar10, 5000, [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]),
            *([(0.49139968, 0.24703223), (0.48215841, 0.24348513), (0.44653091, 0.26158784)], 1e-8),
        ),
        (datasets.fashion_mnist, 6000, [9, 0, 0, 3, 0, 2, 7, 2, 5, 5], [(0.2860, 0.3530)] * 3, 5e-5),
    ],
)
def test_a_subset_is_the_first_images_of_each_class(load, train, labels, statistics, tolerance):
    if not (datasets.CACHE / f"{load.__name__}.npz").is_file():
        pytest.skip(f"data/cache/{load.__name__}.npz is not there; tools/prepare_data.py makes it")
    everything = load(full=True)
    for (x, y), (full_x, full_y), n in zip(load(), everything, (200, 100)):
        assert full_x.shape[1:] == x.shape[1:]
        for label in range(10):
            np.testing.assert_array_equal(x[y == label], full_x[full_y == label][:n])
    (x, y), (_, y_test) = everything
    assert np.bincount(y).tolist() == [train] * 10 and np.bincount(y_test).tolist() == [1000] * 10
    edge = 2 if load is datasets.fashion_mnist else 0
    np.testing.assert_allclose(mean_and_std(x[:, edge : 32 - edge, edge : 32 - edge]), statistics, atol=tolerance)
    assert y[:10].tolist() == labels


# ---------------------------------------------------------------- all images: the cache; test_downloads.py has the rest

LOADERS = [("cifar10", (32, 32, 3)), ("fashion_mnist", (28, 28, 1))]


def fill_cache(monkeypatch, folder, name, shape):
    """A cache of its own, with 3 + 2 images whose digest is trusted. Returns its file and what is in it."""
    random = np.random.default_rng(2)
    data = {"x": random.integers(0, 256, (3, *shape), np.uint8), "y": np.array([1, 0, 9])}
    data |= {"x_test": random.integers(0, 256, (2, *shape), np.uint8), "y_test": np.array([5, 4])}
    in_order = b"".join(data[part].astype(np.uint8).tobytes() for part in ("x", "y", "x_test", "y_test"))
    monkeypatch.setattr(datasets, "CACHE", folder)
    monkeypatch.setitem(downloads.DIGESTS, name, hashlib.sha256(in_order).hexdigest())
    np.savez(folder / f"{name}.npz", **data)
    return folder / f"{name}.npz", data


@pytest.mark.parametrize(("name", "shape"), LOADERS)
def test_all_images_come_from_the_cache(tmp_path, monkeypatch, name, shape):
    _, data = fill_cache(monkeypatch, tmp_path, name, shape)
    found = datasets.complete(name, shape)
    for (x, y), part in zip(found, ("", "_test")):
        np.testing.assert_array_equal(x, data[f"x{part}"])
        np.testing.assert_array_equal(y, data[f"y{part}"])
        assert y.dtype == np.int64


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "other images", "other labels"])
def test_a_damaged_cache_is_never_trusted(tmp_path, monkeypatch, damage):
    file, data = fill_cache(monkeypatch, tmp_path, "cifar10", (32, 32, 3))
    if damage == "other images":
        np.savez(file, **data | {"x": data["x"][::-1]})
    elif damage == "other labels":
        np.savez(file, **data | {"y_test": data["y_test"][::-1]})
    else:
        file.write_bytes({"cut": file.read_bytes()[:-500], "empty": b"", "text": b"<html>"}[damage])
    with pytest.raises(ValueError, match="cifar10.npz.* is not all of cifar10; delete it") as error:
        datasets.cifar10(full=True)
    assert one_line(error)


def test_a_cache_runs_no_code(tmp_path, monkeypatch):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    file, data = fill_cache(monkeypatch, tmp_path, "cifar10", (32, 32, 3))
    np.savez(file, **data | {"x": np.array([Evil()], object)})
    with pytest.raises(ValueError, match="is not all of cifar10"):
        datasets.cifar10(full=True)
    assert not (tmp_path / "harm").exists()


# ---------------------------------------------------------------- published and measured tables


@pytest.mark.parametrize("line", ["1,2,3", "1"])
def test_a_row_with_a_cell_too_many_or_too_few_is_refused(tmp_path, monkeypatch, line):
    (tmp_path / "measured").mkdir()
    (tmp_path / "measured/odd.csv").write_text(f"a,b\n1,2\n{line}\n", encoding="utf-8")
    monkeypatch.setattr(datasets, "DATA", tmp_path)
    with pytest.raises(ValueError, match=r"odd.csv, lines is \[3\]"):
        datasets.measured("odd")


@pytest.mark.parametrize("name", TABLES)
def test_every_published_row_says_where_it_is_from(name):
    rows = datasets.published(name)
    text = (datasets.DATA / "published" / f"{name}.csv").read_text(encoding="utf-8")
    assert rows and all(row["source"].strip() for row in rows)
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
    assert shipped() == set(listed())
    assert len(listed()) > 40


@pytest.mark.parametrize("name", sorted(listed()))
def test_every_checksum_of_the_readme_is_right(name):
    assert hashlib.sha256((datasets.DATA / name).read_bytes()).hexdigest() == listed()[name]


def test_the_images_stay_small():
    for pattern, limit in (("photos/*", 920_000), ("cifar10.webp", 5_500_000), ("fashion_mnist.png", 1_500_000)):
        assert 0 < sum(path.stat().st_size for path in datasets.DATA.glob(pattern)) < limit


def test_split_refuses_where_shared_groups_leave_a_class_out_of_a_part():
    labels, groups = np.repeat([0, 1, 2], 3), np.array([1, 2, 3, 4, 5, 6, 1, 4, 7])
    with pytest.raises(ValueError, match="number of parts with class 2 is 2; allowed: 3"):
        datasets.split(labels, groups, seed=10)


def png(bits, colour, pixels, transparent):
    """The bytes of a PNG of one row: pixels and the see-through value as they stand in the file."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 4, 1, bits, colour, 0, 0, 0)
    parts = (b"IHDR", header), (b"tRNS", transparent), (b"IDAT", zlib.compress(b"\0" + pixels)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


RGB_16 = struct.pack(">12H", 0, 0, 0, 30000, 30000, 30000, 65535, 65535, 65535, 256, 256, 256)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (png(2, 0, bytes([0b00011011]), struct.pack(">H", 1)), [0, 255, 170, 255]),
        (png(4, 0, bytes([0x01, 0x2F]), struct.pack(">H", 2)), [0, 17, 255, 255]),
        (png(16, 2, RGB_16, struct.pack(">3H", 30000, 30000, 30000)), [0, 255, 255, 1]),
    ],
    ids=["grey of 2 bits", "grey of 4 bits", "RGB of 16 bits"],
)
def test_one_value_that_is_see_through_is_white_at_every_depth(tmp_path, file, expected):
    (tmp_path / "a.png").write_bytes(file)
    assert datasets.photo(tmp_path / "a.png", size=None)[0, :, 0].tolist() == expected
