"""Weights: what is bundled, what is downloaded (from a server on this machine), what must be refused, and how."""

import dataclasses
import functools
import hashlib
import multiprocessing
import os
import shutil
import signal
import tempfile
import time

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

import atomic
import datasets
import weights
from served import serving

build = functools.lru_cache(maxsize=None)(weights.EfficientNet)  # it takes longer than what is tested
MEAN, STD = np.array([0.485, 0.456, 0.406], "float32"), np.array([0.229, 0.224, 0.225], "float32")


@pytest.fixture(autouse=True)
def built_once(monkeypatch):
    monkeypatch.setattr(weights, "EfficientNet", build)


@pytest.fixture
def refuses():
    """Calls a function that must raise a one-line error which names all the given words."""

    def check(call, *words, kind=ValueError):
        with pytest.raises(kind) as caught:
            call()
        message = str(caught.value)
        assert "\n" not in message and message.endswith(".")
        assert [word for word in words if word not in message] == [], message

    return check


# ---------------------------------------------------------------- files as Keras publishes them, with random numbers


def write_official(model, path):
    """The layout of the official files: one group per layer, variables named as Keras 2 named them."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        file.attrs["keras_version"], file.attrs["backend"] = b"2.4.0", b"tensorflow"
        for layer in model.layers:
            group, names = file.create_group(layer.name), []
            for variable in layer.trainable_weights + layer.non_trainable_weights:
                depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
                names.append(f"{layer.name}/{'depthwise_' if depthwise else ''}{variable.name}:0")
                group.create_dataset(names[-1], data=np.asarray(keras.ops.convert_to_numpy(variable)))
            group.attrs["weight_names"] = [name.encode() for name in names]


def set_normalization(model, variance):
    layer = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    mean, stored, _ = layer.weights
    mean.assign(MEAN.reshape(mean.shape))
    stored.assign(variance.reshape(stored.shape))
    layer.finalize_state()


@pytest.fixture(scope="module")
def b0(tmp_path_factory):
    """(path of a file, Keras's model with its weights that computes what weights="imagenet" would)."""
    path, random = tmp_path_factory.mktemp("b0") / "efficientnetb0.h5", np.random.default_rng(1)
    model = keras.applications.EfficientNetB0(weights=None, input_shape=(64, 64, 3))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for variable in layer.weights:
                low, high = (-0.2, 0.2) if variable.name in ("beta", "moving_mean") else (0.5, 1.5)
                variable.assign(random.uniform(low, high, variable.shape))
    set_normalization(model, STD)  # the official files hold the standard deviation in the variance's place
    write_official(model, path)
    stem = model.get_layer("stem_conv").kernel
    before = keras.ops.convert_to_numpy(stem)
    stem.assign(0 * before)
    model.load_weights(path)  # Keras takes the file for one of its own
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(stem), before)
    set_normalization(model, STD**2)  # without "imagenet" Keras divides once, by the root of this
    return path, model


def features(model, layer="top_activation"):
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    model = keras.Model(model.inputs[0], model.get_layer(layer).output)
    return keras.ops.convert_to_numpy(model(image, training=False))


def test_official_layout_gives_the_features_of_keras(b0):
    ours = weights.pretrained("b0", path=b0[0], resolution=64)
    expected = features(b0[1], "predictions")
    assert expected.max() > 0.0011  # not one answer for all
    np.testing.assert_allclose(features(ours, "predictions"), expected, atol=1e-5 * expected.max())


def test_a_file_serves_a_scale_of_your_own(b0):
    scale = dataclasses.replace(weights.find_scale("b0"), resolution=64)
    assert weights.pretrained(scale, path=b0[0]).output_shape == (None, 1000)


@pytest.mark.parametrize("change", [lambda file: None, lambda file: file.pop("predictions")])
def test_files_with_and_without_a_top_serve_a_model_without_one(b0, tmp_path, change):
    ours = weights.pretrained("b0", include_top=False, path=edited(b0[0], tmp_path, change), resolution=64)
    assert ours.output_shape == (None, 2, 2, 1280)
    expected = features(b0[1])
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(features(ours), expected, atol=1e-5 * np.abs(expected).max())


def test_checksums_are_those_of_keras():
    source = pytest.importorskip("keras.src.applications.efficientnet")
    assert weights.KERAS_MD5 == source.WEIGHTS_HASHES
    assert weights.KERAS_URL == source.BASE_WEIGHTS_PATH


# ---------------------------------------------------------------- files that must be refused


def edited(path, folder, change):
    copy = folder / path.name
    shutil.copy(path, copy)
    with h5py.File(copy, "r+") as file:
        change(file)
    return copy


def normalization(file):
    (layer,) = (name for name in file if name.startswith("normalization"))
    return file[layer][layer]


def replaced(group, name, value):
    del group[name]
    group[name] = value


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda f: f.pop("block2a_bn"), ["block2a_bn/gamma is missing", "3 more"]),
        (lambda f: f.create_dataset("extra/extra/kernel:0", data=np.ones(3)), ["extra/kernel is left over"]),
        (lambda f: replaced(f["top_bn/top_bn"], "beta:0", np.ones(10)), ["top_bn/beta", "(10,)", "(1280,)"]),
        (lambda f: replaced(f["top_bn/top_bn"], "beta:0", np.full(1280, np.nan)), ["top_bn/beta", "not finite"]),
        (lambda f: replaced(f["top_bn/top_bn"], "beta:0", np.zeros(1280, int)), ["top_bn/beta", "not finite"]),
        (lambda f: replaced(normalization(f), "variance:0", STD**2), ["variance is [0.05244,", "must be [0.229,"]),
        (lambda f: replaced(normalization(f), "mean:0", np.zeros(3)), ["mean is [0.0, 0.0, 0.0]", "must be [0.485,"]),
        (lambda f: f.pop(next(n for n in f if n.startswith("normalization"))), ["mean is []"]),
        (lambda f: f.pop("predictions"), ["predictions/kernel is missing (and 1 more);"]),
        (lambda f: f["predictions/predictions"].pop("bias:0"), ["predictions/bias is missing; give"]),
    ],
)
def test_wrong_content_is_refused(b0, tmp_path, refuses, change, words):
    path = edited(b0[0], tmp_path, change)
    before = path.read_bytes()
    refuses(lambda: weights.pretrained("b0", path=path, resolution=64), path.name, "b0", *words)
    assert path.read_bytes() == before


def test_wrong_variant_is_refused(b0, refuses):
    lite0 = weights.DATA / "lite0.npz"
    deeper = functools.partial(weights.pretrained, "lite1", path=lite0)
    refuses(deeper, "lite0.npz", "lite1", "block2c_expand_conv/kernel is missing", "more")
    refuses(lambda: weights.pretrained("lite0", path=b0[0]), "efficientnetb0.h5", "lite0", "normalization mean")
    refuses(lambda: weights.pretrained("b8"), "'b8'", "lite0", "b7")
    refuses(lambda: weights.pretrained(["b0"]), "['b0']", "lite0", "b7")


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_truncated_file_is_refused(b0, tmp_path, refuses, suffix):
    variant, source = ("b0", b0[0]) if suffix == ".h5" else ("lite0", weights.DATA / "lite0.npz")
    path = tmp_path / f"short{suffix}"
    path.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    before = path.read_bytes()
    refuses(lambda: weights.pretrained(variant, path=path), path.name, "cut off")
    assert path.read_bytes() == before


def test_flipped_bit_in_an_npz_is_refused(tmp_path, refuses):
    content = bytearray((weights.DATA / "lite0.npz").read_bytes())
    content[len(content) // 2] ^= 1
    path = tmp_path / "flipped.npz"
    path.write_bytes(content)
    refuses(lambda: weights.pretrained("lite0", path=path), "flipped.npz", "damaged")


def test_a_file_that_unpacks_to_gigabytes_is_refused(b0, tmp_path, refuses, monkeypatch):
    def grown(file):
        del file["top_bn/top_bn"]["beta:0"]
        file["top_bn/top_bn"].create_dataset("beta:0", shape=(10**10,), dtype="f4", chunks=True)  # takes no room at all

    path = edited(b0[0], tmp_path, grown)
    refuses(lambda: weights.pretrained("b0", path=path, resolution=64), path.name, "cannot be read")
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(10**6, np.uint8))
    monkeypatch.setattr(atomic, "MOST", 10**6)
    refuses(lambda: weights.pretrained("lite0", path=tmp_path / "bomb.npz"), "bomb.npz", "cannot be read")


@pytest.mark.parametrize("given", [None, "mine", "~/mine"])
def test_files_go_where_keras_puts_its_own(tmp_path, monkeypatch, given):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    if given:
        monkeypatch.setenv("KERAS_HOME", given)
    else:
        monkeypatch.delenv("KERAS_HOME", raising=False)
    assert weights._keras_home() == tmp_path / ("mine" if given else ".keras")


def test_without_a_home_files_go_to_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert weights._keras_home() == tmp_path / ".keras"


def test_bundled_file_is_verified(tmp_path, refuses, monkeypatch):
    monkeypatch.setattr(weights, "DATA", tmp_path / "data")
    monkeypatch.setattr(weights, "CACHE", tmp_path / "cache")
    for variant, folder in (("lite0", "data"), ("lite1", "cache"), ("lite2", "cache")):
        words = [str(tmp_path / folder / f"{variant}.npz"), f"`python tools/convert_lite.py {variant}`"]
        refuses(functools.partial(weights.pretrained, variant), *words, "missing", "path=", kind=FileNotFoundError)
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{variant}.npz").write_bytes(b"something else")
        refuses(functools.partial(weights.pretrained, variant), *words, "damaged", weights.LITE_SHA256[variant])
    refuses(lambda: weights.pretrained(path=tmp_path / "no.npz"), "no.npz", "does not exist", kind=FileNotFoundError)


def test_arrays_that_were_read_stay_as_they_are(b0):
    arrays = weights._read(b0[0])
    before = list(arrays)
    left = weights._without_normalization(arrays, weights.find_scale("b0").baseline, "")
    assert list(arrays) == before
    assert left == {name: arrays[name] for name in before if not name.startswith("normalization")} and left != arrays


# ---------------------------------------------------------------- the download


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server in place of Keras's, and the folder of Keras's cache, empty."""
    cache = tmp_path / "home" / "models"
    monkeypatch.setenv("KERAS_HOME", str(cache.parent))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving({}) as site:
        monkeypatch.setattr(weights, "KERAS_URL", site.address)
        yield site, cache


def offer(site, path):
    site.files[path.name] = path.read_bytes()


def expect(monkeypatch, variant, path):
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setitem(weights.KERAS_MD5, variant, (md5, md5))


def test_download_is_verified_and_kept(server, b0, monkeypatch):
    site, cache = server
    offer(site, b0[0])
    expect(monkeypatch, "b0", b0[0])
    first = weights.pretrained("b0", resolution=64)
    assert os.listdir(cache) == ["efficientnetb0.h5"]
    np.testing.assert_allclose(features(first), features(b0[1]), atol=1e-4)
    site.files.clear()
    assert weights._downloaded("b0", True) == cache / "efficientnetb0.h5"


def test_top_and_notop_are_different_files(server, tmp_path, refuses):
    refuses(lambda: weights.pretrained("b3"), "efficientnetb3.h5", weights.KERAS_MD5["b3"][0], kind=FileNotFoundError)
    notop = functools.partial(weights.pretrained, "b3", include_top=False)
    refuses(notop, "efficientnetb3_notop.h5", weights.KERAS_MD5["b3"][1], kind=FileNotFoundError)


def test_broken_downloads_leave_nothing(server, b0, refuses, monkeypatch):
    site, cache = server
    offer(site, b0[0])
    words = ["efficientnetb0.h5", str(cache), "lite0"]
    refuses(lambda: weights.pretrained("b0"), "hash does not match", *words, kind=FileNotFoundError)
    assert os.listdir(cache) == []

    expect(monkeypatch, "b0", b0[0])
    site.cut = True
    refuses(lambda: weights.pretrained("b0"), *words, kind=FileNotFoundError)
    assert os.listdir(cache) == []

    def stopped(name, origin, cache_subdir, **_):
        (cache / name).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.utils, "get_file", stopped)
    with pytest.raises(KeyboardInterrupt):
        weights.pretrained("b0")
    assert os.listdir(cache) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_processes_that_download_at_once_or_are_killed_leave_a_whole_file_or_none(server, b0, monkeypatch):
    site, cache = server
    offer(site, b0[0])
    expect(monkeypatch, "b0", b0[0])
    fork, name = multiprocessing.get_context("fork"), "efficientnetb0.h5"
    three = [fork.Process(target=weights._downloaded, args=("b0", True)) for _ in range(3)]
    site.goes_on.clear()
    for process in three:
        process.start()
    while len(site.asked) < 3:
        time.sleep(0.01)
    three[0].kill()
    three[0].join(30)
    assert not (cache / name).exists()
    site.goes_on.set()
    for process in three[1:]:
        process.join(30)
    assert [process.exitcode for process in three] == [-signal.SIGKILL, 0, 0]
    assert (cache / name).read_bytes() == b0[0].read_bytes() and len(os.listdir(cache)) <= 2  # of the killed, its part


def test_offline_error_says_what_to_do(server, refuses, monkeypatch):
    _, cache = server
    monkeypatch.setattr(weights, "KERAS_URL", "http://127.0.0.1:9/")  # nobody listens on the discard port
    words = ["efficientnetb0.h5", weights.KERAS_MD5["b0"][0], str(cache), "lite0", "no network"]
    refuses(lambda: weights.pretrained("b0"), *words, kind=FileNotFoundError)


def test_damaged_file_in_the_cache_is_not_trusted_nor_touched(server, refuses):
    _, cache = server
    cache.mkdir(parents=True)
    (cache / "efficientnetb0.h5").write_bytes(b"half a file")
    refuses(lambda: weights.pretrained("b0"), "efficientnetb0.h5", "MD5", weights.KERAS_MD5["b0"][0], "delete it")
    assert (cache / "efficientnetb0.h5").read_bytes() == b"half a file"


# ---------------------------------------------------------------- Lite0 and classify


def test_lite0_has_its_published_size():
    model = weights.pretrained()
    assert sum(int(np.prod(variable.shape)) for variable in model.trainable_weights) == 4_652_008
    assert model.input_shape == (None, 224, 224, 3) and model.output_shape == (None, 1000)
    assert model.name == "efficientnet_lite0"
    small = weights.pretrained(include_top=False, resolution=96)
    assert small.output_shape == (None, 3, 3, 1280)
    for name in ("stem_conv", "block5c_dwconv", "top_bn"):
        for one, other in zip(model.get_layer(name).weights, small.get_layer(name).weights):
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other))


@pytest.mark.parametrize("name, classes", [("chelsea", [281, 282, 285]), ("coffee", [967]), ("camera", [872])])
def test_photos_are_recognised(name, classes):
    best, probability = weights.classify(datasets.photo(name), top=1)[0]
    assert best in [datasets.class_names()[i] for i in classes]
    assert 0.3 < probability < 1
    assert weights.classify(name, top=1) == [(best, probability)]


def test_classify_answers_best_first_and_builds_once(monkeypatch):
    model, calls = weights._model("lite0"), []
    weights._model.cache_clear()
    monkeypatch.setattr(weights, "pretrained", lambda variant: calls.append(variant) or model)
    answers = weights.classify(datasets.photo("coffee"), top=1000)
    assert [p for _, p in answers] == sorted((p for _, p in answers), reverse=True)
    assert abs(sum(p for _, p in answers) - 1) < 1e-5
    fractions = datasets.photo("coffee") * 0.999 + 0.1  # are rounded
    again = weights.classify(fractions)
    assert again == answers[:5]
    assert calls == ["lite0"]


def test_classify_takes_arrays_files_and_images_alike(tmp_path):
    """Grey, and on its side: as an array, as a file, and as an image that Pillow opened or made."""
    grey = Image.fromarray(datasets.photo("camera")[..., 0])
    exif = Image.Exif()
    exif[0x0112] = 8
    grey.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "camera.png", exif=exif)
    answers = weights.classify("camera")
    assert weights.classify(tmp_path / "camera.png") == weights.classify(str(tmp_path / "camera.png")) == answers
    assert weights.classify(np.array(grey)) == weights.classify(grey) == answers
    assert weights.classify(Image.open(tmp_path / "camera.png")) == answers


@pytest.mark.parametrize("mode", ["P", "RGBA", "1", "CMYK"])
def test_classify_sees_an_image_as_it_sees_its_file(tmp_path, mode):
    image = Image.fromarray(datasets.photo("chelsea")).convert(mode)
    image.save(tmp_path / "cat.tiff")
    assert weights.classify(image, top=2) == weights.classify(tmp_path / "cat.tiff", top=2)


@pytest.mark.parametrize(
    "image, words",
    [
        (np.full((20, 20, 3), 1.0), ["0 to 255", "maximum is 1;", "multiply by 255"]),
        (np.full((20, 20, 3), -1.0), ["0 to 255", "-1"]),
        (np.full((20, 20, 3), 300), ["0 to 255", "300"]),
        (np.full((20, 20, 3), 255.5), ["0 to 255", "255.5"]),
        (np.full((20, 20, 3), np.nan), ["0 to 255", "nan"]),
        (np.zeros((1, 20, 20, 3)), ["(1, 20, 20, 3)", "(height, width, 3)"]),
        (np.zeros((20, 20, 4), "uint8"), ["(20, 20, 4)", "(height, width, 3)"]),
        (np.zeros((0, 20, 3)), ["(0, 20, 3)"]),
        (np.full((20, 20, 3), "x"), ["<U1"]),
        (Image.new("F", (20, 20)), ["image cannot be read", "mode is F"]),
        (Image.new("RGB", (0, 20)), ["image cannot be read", "no pixels"]),
        (__file__, ["test_weights.py", "cannot be read"]),
        ("no.png", ["no.png", "image file"]),
    ],
)
def test_classify_refuses_what_is_no_photo(image, words, refuses):
    refuses(lambda: weights.classify(image), *words)


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_what_is_black_or_white_or_nearly_so_is_a_photo_too(kind):
    answers = []
    for pixel in (0, 2, 255):
        answers.append(weights.classify(np.full((20, 20, 3), pixel, kind)))
    assert [len(each) for each in answers] == [5, 5, 5] and answers[0] != answers[2]
    assert weights.classify(np.full((20, 20), 1, "uint8"))


def test_classify_refuses_wrong_arguments(refuses):
    image = np.zeros((20, 20, 3), "uint8")
    for top in (0, 1001, 2.5, 5.0, True, "5"):
        refuses(functools.partial(weights.classify, image, top=top), "top", repr(top), "1 to 1000")
    refuses(lambda: weights.classify(image, "b9"), "'b9'", "lite0")


@pytest.mark.skipif(not (datasets.DATA / "small.npz").exists(), reason="not trained yet")
def test_the_small_network_is_worth_opening():
    model, (x, y) = weights.small(), datasets.cifar10()[1]
    guesses = [model.predict_on_batch(part).argmax(-1) for part in np.split(x[:500], 5)]
    assert 100 * np.mean(np.concatenate(guesses) == y[:500]) > 80  # of all 10,000 it knows more; these are 50 a class
