"""Exports: rewritten graphs compute the same, files run outside Keras, and the recorded table agrees with the code."""

import keras
import numpy as np
import pytest
from keras import layers

import export
from architecture import EfficientNet, Scale, plan
from datasets import PHOTOS, measured, photo
from experiments import export as experiment
from weights import pretrained

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="LiteRT and ONNX need TensorFlow")
TINY = Scale(0.25, 0.5, 32)
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.uniform(0, 255, (4, 32, 32, 3)).astype("float32")


def needs(ending):
    line = export.missing(ending)
    return pytest.mark.skipif(line is not None, reason=str(line))


def randomised(model):
    """Batch norms with statistics as if trained, so that folding has something to do."""
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            values = [RANDOM.uniform(0.5, 1.5, w.shape) for w in layer.weights]
            layer.set_weights(values)
    return model


@pytest.fixture(scope="module")
def tiny():
    return randomised(EfficientNet(TINY, classes=7))


def values(model, images=IMAGES, **options):
    return keras.ops.convert_to_numpy(model(images, **options))


def kinds(model):
    return [type(layer) for layer in model.layers]


# ---------------------------------------------------------------- fold


def test_a_folded_network_computes_the_same(tiny):
    folded, before = export.fold(tiny), tiny.get_weights()
    np.testing.assert_allclose(values(folded), values(tiny), atol=1e-6)
    assert layers.BatchNormalization not in kinds(folded) and kinds(tiny).count(layers.BatchNormalization) > 10
    channels = sum(conv.filters for conv in plan(TINY, 7).convs if not conv.bias)
    assert folded.count_params() == tiny.count_params() - 3 * channels  # four numbers per channel became one
    assert all(np.array_equal(a, b) for a, b in zip(before, tiny.get_weights()))


@pytest.mark.parametrize(("center", "scale"), [(True, True), (False, True), (True, False), (False, False)])
def test_the_folded_kernel_is_what_the_formula_says(center, scale):
    image = layers.Input((9, 9, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="valid", bias_initializer="normal", name="conv")(image)
    x = layers.BatchNormalization(center=center, scale=scale, epsilon=0.1, name="bn1")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False, padding="same", name="depthwise")(x)
    model = randomised(keras.Model(image, layers.BatchNormalization(center=center, scale=scale, name="bn2")(x)))
    folded, x = export.fold(model), RANDOM.normal(size=(2, 9, 9, 3))
    np.testing.assert_allclose(values(folded, x), values(model, x), rtol=1e-4, atol=1e-5)
    assert [layer.name for layer in folded.layers[1:]] == ["conv", "depthwise"]
    for conv, norm in (("conv", "bn1"), ("depthwise", "bn2")):
        stored = {v.name: keras.ops.convert_to_numpy(v) for v in model.get_layer(norm).weights}
        old, new = model.get_layer(conv).get_weights(), folded.get_layer(conv).get_weights()
        epsilon = model.get_layer(norm).epsilon
        for c in range(len(stored["moving_mean"])):
            factor = (stored["gamma"][c] if scale else 1) / (stored["moving_variance"][c] + epsilon) ** 0.5
            one = (..., c) if conv == "conv" else (..., c // 2, c % 2)
            np.testing.assert_allclose(new[0][one], old[0][one] * factor, rtol=1e-5)
            start = old[1][c] if conv == "conv" else 0
            shift = (stored["beta"][c] if center else 0) + (start - stored["moving_mean"][c]) * factor
            np.testing.assert_allclose(new[1][c], shift, rtol=1e-5, atol=1e-6)


def activated(x):
    return layers.BatchNormalization()(layers.Conv2D(3, 1, activation="relu")(x))


def used_twice(x):
    y = layers.Conv2D(3, 1)(x)
    return layers.Add()([layers.BatchNormalization()(y), y])


def called_twice(x):
    conv = layers.Conv2D(3, 1)
    return layers.BatchNormalization()(conv(conv(x)))


def called_again(x):
    conv = layers.Conv2D(3, 1)
    return layers.Add()([layers.BatchNormalization()(conv(x)), conv(layers.ReLU()(x))])


def norm_called_twice(x):
    norm = layers.BatchNormalization()
    return layers.Add()([norm(layers.Conv2D(3, 1)(x)), norm(layers.ReLU()(x))])


def used_by_a_second_call(x):
    y, shared = layers.Conv2D(3, 1)(x), layers.Activation("relu")
    return layers.Add()([shared(x), layers.BatchNormalization()(y), shared(y)])


def other_axis(x):
    return layers.BatchNormalization(axis=1)(layers.Conv2D(3, 1)(x))


def norm_first(x):
    return layers.Conv2D(3, 3, padding="same")(layers.BatchNormalization()(x))


NOT_FOLDED = [activated, used_twice, called_twice, called_again, norm_called_twice, used_by_a_second_call]


@pytest.mark.parametrize("build", [*NOT_FOLDED, other_axis, norm_first])
def test_what_cannot_be_folded_stays(build):
    image = layers.Input((8, 8, 3))
    model = randomised(keras.Model(image, build(image)))
    folded, x = export.fold(model), RANDOM.normal(size=(2, 8, 8, 3))
    np.testing.assert_allclose(values(folded, x), values(model, x), rtol=1e-4, atol=1e-5)
    assert kinds(folded).count(layers.BatchNormalization) == 1


def test_a_sequential_model_is_folded():
    model = randomised(keras.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.BatchNormalization()]))
    folded, x = export.fold(model), RANDOM.normal(size=(2, 8, 8, 3))
    np.testing.assert_allclose(values(folded, x), values(model, x), rtol=1e-4, atol=1e-5)
    assert layers.BatchNormalization not in kinds(folded)


def test_a_convolution_that_is_an_output_stays():
    image = layers.Input((8, 8, 3))
    y = layers.Conv2D(3, 1)(image)
    folded = export.fold(keras.Model(image, [y, layers.BatchNormalization()(y)]))
    assert kinds(folded).count(layers.BatchNormalization) == 1


# ---------------------------------------------------------------- fuse


def test_a_fused_network_computes_the_same_and_trains_the_same():
    import tensorflow as tf

    x, y = RANDOM.normal(size=(6, 8, 8, 3)).astype("float32"), np.arange(6) % 2
    image = layers.Input((8, 8, 3))
    h = layers.BatchNormalization(name="bn1")(layers.Conv2D(4, 3, use_bias=False)(image))
    h = layers.BatchNormalization(scale=False, center=False, momentum=0.8, epsilon=1e-2)(h)
    frozen = layers.BatchNormalization(trainable=False)
    h = layers.GlobalAveragePooling2D()(frozen(layers.Activation("relu")(h)))
    plain = randomised(keras.Model(image, layers.Dense(2, activation="softmax")(h)))
    fused = export.fuse(plain)
    assert kinds(fused).count(export.FusedBatchNormalization) == 3
    np.testing.assert_allclose(values(fused, x), values(plain, x), atol=1e-6)

    gradients = []
    for model in (plain, fused):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, model(x, training=True)))
        gradients.append(tape.gradient(loss, [v.value for v in model.trainable_variables]))
    for a, b in zip(*gradients):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
    for a, b in zip(plain.weights, fused.weights):  # the averages have moved, by the same
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6, err_msg=a.path)
    before = keras.ops.convert_to_numpy(frozen.moving_mean)
    fused.compile("sgd", "sparse_categorical_crossentropy")
    fused.train_on_batch(x, y)
    np.testing.assert_array_equal(fused.get_layer(frozen.name).moving_mean, before)


def test_a_fused_network_is_saved_and_comes_back(tiny, tmp_path):
    fused = export.fuse(tiny)
    export.save(fused, tmp_path / "fused.keras")
    again = keras.saving.load_model(tmp_path / "fused.keras")
    assert export.FusedBatchNormalization in kinds(again)
    np.testing.assert_allclose(values(again), values(tiny), atol=1e-6)
    assert layers.BatchNormalization not in kinds(fused)


# ---------------------------------------------------------------- files in their runtimes


def test_a_keras_file_comes_back(tiny, tmp_path):
    path = tmp_path / "tiny.keras"
    assert export.save(tiny, str(path)) == path.stat().st_size
    np.testing.assert_allclose(export.load(path)(IMAGES), values(tiny), atol=1e-6)
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.keras"]


@needs(".tflite")
def test_a_litert_file_of_integers_is_one(tiny, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    path = tmp_path / "tiny.tflite"
    export.save(tiny, path, calibration=IMAGES)
    found = export.load(path)(IMAGES)
    assert found.shape == (4, 7) and found.dtype == "float32"
    np.testing.assert_allclose(found, values(tiny), atol=0.1)
    assert 1e-7 < np.abs(found - values(tiny)).max()
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    large = [d["dtype"] for d in interpreter.get_tensor_details() if np.prod(d["shape"]) > 3 * 32 * 32]
    assert set(large) <= {np.int8, np.int32}


@pytest.mark.parametrize("ending", [pytest.param(e, marks=needs(e)) for e in (".tflite", ".onnx")])
def test_the_photos_have_the_same_top_1_outside_keras(ending, tmp_path):
    lite0 = pretrained("lite0")
    images = np.stack([photo(name, 224) for name in PHOTOS]).astype("float32")
    expected = lite0.predict(images, verbose=0)
    folded = export.fold(lite0)
    size = export.save(folded, tmp_path / f"lite0{ending}")
    found = export.load(tmp_path / f"lite0{ending}")(images)
    np.testing.assert_array_equal(found.argmax(-1), expected.argmax(-1))
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert 1 < size / (4 * folded.count_params()) < 1.02  # float32


@needs(".onnx")
def test_an_onnx_file_takes_any_number_of_images(tmp_path):
    image = layers.Input((8, 8, 3))
    model = keras.Model(image, layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(image)))
    export.save(model, tmp_path / "small.onnx")
    for n in (1, 5):
        x = RANDOM.normal(size=(n, 8, 8, 3)).astype("float32")
        np.testing.assert_allclose(export.load(tmp_path / "small.onnx")(x), values(model, x), atol=1e-5)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tiny, tmp_path, monkeypatch):
    path = tmp_path / "tiny.keras"
    path.write_bytes(b"old")
    monkeypatch.setattr(keras.Model, "save", lambda self, path: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        export.save(tiny, path)
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["tiny.keras"]


# ---------------------------------------------------------------- what cannot be used


UNBUILT = keras.Sequential([layers.Dense(2)], name="unbuilt")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t, d: export.fold(UNBUILT), "model is 'unbuilt', not built"),
        (lambda t, d: export.fuse("b0"), "model is 'b0'; allowed: a functional or Sequential"),
        (lambda t, d: export.save(UNBUILT, d / "a.keras"), "not built"),
        (lambda t, d: export.save(t, d / "a.h5"), r"a.h5'; allowed: a name that ends in .keras, .tflite, .onnx"),
        (lambda t, d: export.save(t, 7), "path is 7; allowed"),
        (lambda t, d: export.save(t, d / "none" / "a.keras"), "a name in a folder that exists"),
        (lambda t, d: export.save(t, d / "a.onnx", IMAGES), "calibration is an array of shape .* for a .tflite file"),
        (lambda t, d: export.save(t, d / "a.tflite", IMAGES[0]), r"allowed: .* images \(n, 32, 32, 3\)"),
        (lambda t, d: export.save(t, d / "a.tflite", IMAGES[:0]), "calibration is an array of shape"),
        (lambda t, d: export.save(t, d / "a.tflite", IMAGES / 255), "calibration is images of 0.* to .*divided by 255"),
        (lambda t, d: export.save(t, d / "a.tflite", IMAGES * np.nan), "calibration is images of nan to nan"),
        (lambda t, d: export.load(d / "a.keras"), "a file that save has written"),
        (lambda t, d: export.load(d / "a.pb"), "a name that ends in"),
        (lambda t, d: export.missing("cat"), "a name that ends in"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(call, words, tiny, tmp_path):
    with pytest.raises(ValueError, match=words) as caught:
        call(tiny, tmp_path)
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_a_missing_runtime_is_named_with_the_way_to_get_it(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    line = "Not installed: onnx and tf2onnx. To get it: pip install -r requirements-extras.txt"
    with pytest.raises(ImportError, match=line):
        export.save(tiny, tmp_path / "a.onnx")
    for ending, name in ((".onnx", "onnxruntime"), (".tflite", "ai-edge-litert")):
        (tmp_path / f"b{ending}").touch()
        assert name in export.missing(f"b{ending}")
        with pytest.raises(ImportError, match=f"Not installed: {name}. To get it"):
            export.load(tmp_path / f"b{ending}")
    assert export.missing(".keras") is None


# ---------------------------------------------------------------- the measured table


def test_the_linear_head_is_the_posterior_of_gaussians():
    """With one covariance for all classes, equally frequent: computed here from the densities."""
    labels = np.arange(300) % 3
    x = RANDOM.normal(size=(300, 4)) @ RANDOM.normal(size=(4, 4)) + RANDOM.normal(size=(3, 4))[labels]
    kernel, bias = experiment.linear_head(x, labels, shrinkage=0)
    means = [x[labels == k].mean(0) for k in range(3)]
    scatter = sum(np.cov(x[labels == k].T, bias=True) * 100 for k in range(3)) / 297
    apart = [x - m for m in means]
    density = np.stack([np.exp(-0.5 * (a @ np.linalg.inv(scatter) * a).sum(1)) for a in apart], axis=1)
    logits = np.exp(x @ kernel + bias)
    np.testing.assert_allclose(
        logits / logits.sum(1, keepdims=True), density / density.sum(1, keepdims=True), atol=1e-4
    )


@pytest.mark.parametrize("per", ["channel", "layer"])
def test_rounded_weights_have_few_values(per, tiny):
    rounded, folded = experiment.rounded(tiny, per), export.fold(tiny)
    for layer in rounded.layers:
        if hasattr(layer, "kernel"):
            kernel, exact = layer.get_weights()[0], folded.get_layer(layer.name).get_weights()[0]
            width = np.abs(exact).max() / 127
            assert np.abs(kernel - exact).max() <= width / 2 * 1.001
            whole = kernel / width
            assert per == "channel" or np.allclose(whole, np.round(whole), atol=1e-3)


def test_the_table_has_every_format_and_says_the_same_as_the_code():
    rows = {row["format"]: row for row in measured("export")}
    assert list(rows) == [*experiment.FORMATS, *experiment.STEPS]
    files = {name: row for name, row in rows.items() if row["file_bytes"]}
    assert list(files) == ["Keras", "Keras, folded", "LiteRT", "LiteRT int8", "ONNX"]
    params = plan("lite0").params
    for name, row in files.items():
        assert row["photos_same"] == row["photos"] == len(PHOTOS), name
        size = 1 if name == "LiteRT int8" else 4
        assert 0.98 * size * params < row["file_bytes"] < 1.2 * size * params, name
        assert row["max_difference"] <= (0.1 if size == 1 else 1e-4)
        assert row["agreement"] >= (90 if size == 1 else 99.9)
    for row in rows.values():
        assert row["ratio_low"] <= row["ratio_median"] <= row["ratio_high"] and row["ms_median"] > 0
    assert rows["Keras"]["ratio_median"] == 1 and rows["Keras"]["max_difference"] == 0
