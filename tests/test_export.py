"""Exports: a file has its name only if its own runtime opened it and agreed with the model."""

import keras
import numpy as np
import pytest
from keras import layers

import export
from architecture import EfficientNet
from datasets import PHOTOS, photo
from small_models import (
    IMAGES,
    SMALL,
    TINY,
    assert_same,
    begin_anew,
    body,
    called_twice_inside,
    model_of,
    randomised,
    values,
)
from weights import pretrained

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="LiteRT and ONNX need TensorFlow")


@pytest.fixture(autouse=True)
def _the_same_numbers_in_any_order():
    begin_anew()


def needs(ending):
    line = export.missing(ending)
    return [pytest.mark.extras, pytest.mark.skipif(line is not None, reason=str(line))]


def formats(*endings):
    return [pytest.param(ending, marks=needs(ending) if export.EXTRAS[ending] else ()) for ending in endings]


ALL = formats(".keras", ".tflite", ".onnx")


@pytest.fixture(scope="module")
def tiny():
    return export.fold(randomised(EfficientNet(TINY, classes=7)))  # fewer layers to convert


# ---------------------------------------------------------------- files in their runtimes


def convolved(x):
    return layers.BatchNormalization()(layers.Conv2D(4, 3)(x))


def sequential():
    return randomised(keras.Sequential([layers.Input((12, 12, 3)), layers.Conv2D(4, 3), layers.BatchNormalization()]))


def in_a_list():
    image = layers.Input((12, 12, 3))
    return randomised(keras.Model([image], [convolved(image)]))


def in_a_dict():
    image = layers.Input((12, 12, 3), name="photo")
    return randomised(keras.Model({"photo": image}, {"answer": convolved(image)}))


FILES = {
    "sequential": sequential,
    "list": in_a_list,
    "dict": in_a_dict,
    "resizing": lambda: model_of(lambda x: convolved(layers.Resizing(9, 9)(x))),
    "crop": lambda: model_of(lambda x: convolved(layers.CenterCrop(9, 9)(x))),
    "random": lambda: model_of(lambda x: layers.Dropout(0.5)(convolved(layers.RandomFlip()(x)))),
    "normalization": lambda: model_of(lambda x: convolved(layers.Normalization()(x))),
    "given": lambda: model_of(lambda x: convolved(layers.Normalization(mean=[1.0, 2, 3], variance=[4.0, 5, 6])(x))),
    "bytes": lambda: model_of(lambda x: convolved(layers.Rescaling(1 / 255)(x)), dtype="uint8"),
    "inside": lambda: model_of(called_twice_inside),
}


@pytest.mark.parametrize("ending", ALL)
@pytest.mark.parametrize("name", FILES)
def test_a_file_answers_as_the_model_does_and_leaves_it_alone(name, ending, tmp_path):
    model, path = FILES[name](), tmp_path / f"small{ending}"
    images = np.round(SMALL)
    (expected,) = keras.tree.flatten(model.predict(images.astype(model.inputs[0].dtype), verbose=0))
    before, trainable = model.get_weights(), [layer.trainable for layer in model.layers]
    assert export.save(model, path) == path.stat().st_size
    run = export.load(path)
    assert_same(run(images), expected, 1e-4)
    assert_same(run(images[:1]), expected[:1], 1e-4)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert trainable == [layer.trainable for layer in model.layers]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", formats(".keras", ".onnx"))
def test_a_model_of_any_size_takes_any_size(ending, tmp_path):
    model = body()
    export.save(model, tmp_path / f"any{ending}")
    for x in (SMALL, IMAGES):
        assert_same(export.load(tmp_path / f"any{ending}")(x), values(model, x), 1e-4)


def test_a_keras_file_holds_the_model_itself(tmp_path):
    """Not the view with one input and one output that runs it: what was compiled can be trained further."""
    model = sequential()
    model.compile("adam", "mse")
    export.save(model, str(tmp_path / "mine.keras"))
    again = keras.saving.load_model(tmp_path / "mine.keras")
    assert type(again) is keras.Sequential and again.compiled and again.loss == "mse"


@pytest.mark.parametrize("ending", formats(".tflite"))
def test_a_litert_file_of_integers_is_one(ending, tiny, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    path = tmp_path / f"tiny{ending}"
    export.save(tiny, path, calibration=IMAGES)
    found = export.load(path)(IMAGES)
    assert found.shape == (4, 7) and found.dtype == "float32"
    np.testing.assert_allclose(found, values(tiny), atol=0.1)
    assert 1e-7 < np.abs(found - values(tiny)).max()
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    large = [d["dtype"] for d in interpreter.get_tensor_details() if np.prod(d["shape"]) > 3 * 32 * 32]
    assert set(large) <= {np.int8, np.int32}


@pytest.mark.parametrize("ending", formats(".tflite"))
@pytest.mark.parametrize(
    "quantize, calibrated, bytes_a_weight, off",
    [
        ("float16", False, 2, 0.02),
        ("dynamic range", False, 1, 0.1),
        ("int8", True, 1, 0.1),
        ("integer only", True, 1, 0.1),
    ],
)
def test_each_way_to_quantize_makes_a_smaller_file_that_agrees(
    ending, quantize, calibrated, bytes_a_weight, off, tmp_path
):
    from ai_edge_litert.interpreter import Interpreter

    wide = model_of(lambda x: layers.Dense(5, "softmax")(layers.Flatten()(layers.Conv2D(64, 9)(x))))
    path = tmp_path / f"a{ending}"
    size = export.save(wide, path, SMALL if calibrated else None, quantize)
    assert size == path.stat().st_size and abs(size / wide.count_params() - bytes_a_weight) < 0.3
    found = export.load(path)(SMALL)
    assert found.dtype == "float32" and 0 < np.abs(found - values(wide, SMALL)).max() < off
    (start,), (end,) = (getattr(Interpreter(str(path)), f"get_{each}_details")() for each in ("input", "output"))
    ends = np.int8 if quantize == "integer only" else np.float32
    assert (start["dtype"], end["dtype"]) == (ends, ends)


@pytest.mark.slow
@pytest.mark.parametrize("ending", formats(".tflite", ".onnx"))
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


@pytest.mark.parametrize("ending", formats(".keras", ".onnx"))
def test_a_half_precision_network_may_round(ending, tmp_path):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = model_of(
            lambda x: layers.Dense(3, dtype="float32")(layers.GlobalAveragePooling2D()(convolved(x / 255)))
        )
    finally:
        keras.config.set_dtype_policy(policy)
    export.save(model, tmp_path / f"half{ending}")
    assert_same(export.load(tmp_path / f"half{ending}")(SMALL), values(model, SMALL), 0.01)


@pytest.mark.parametrize("ending", formats(".onnx", ".tflite"))
def test_bfloat16_is_refused_before_a_converter_prints_a_screen(ending, tmp_path, capfd):
    image = layers.Input((4, 4, 3))
    inner = keras.Model(image, layers.Conv2D(2, 3, dtype="mixed_bfloat16")(image))
    model = keras.Model(image, layers.Activation("linear", dtype="float32")(inner(image)))
    with pytest.raises(ValueError, match=f"layers is 'bfloat16'; allowed: float32 or float16 for {ending}"):
        export.save(model, tmp_path / f"b{ending}")
    assert not list(tmp_path.iterdir()) and capfd.readouterr().err == ""


# ---------------------------------------------------------------- files that get no name


class Unregistered(layers.Layer):
    """Keras cannot know it when it reads a file."""

    def call(self, x):
        return x + 1


@keras.saving.register_keras_serializable("tests")
class Forgetful(layers.Layer):
    """Does not say in its configuration what it adds: the file would answer otherwise."""

    def __init__(self, offset=0.0, **options):
        super().__init__(**options)
        self.offset = offset

    def call(self, x):
        return x + self.offset

    def get_config(self):
        return {key: value for key, value in super().get_config().items() if key != "offset"}


class Formatted(layers.Layer):
    """Uses an operation that no converter knows."""

    def call(self, x):
        tf = export.tensorflow_module()
        return tf.strings.to_number(tf.strings.as_string(x))


REFUSED = [
    (".keras", lambda x: Unregistered()(x), "does not run: a.keras cannot be read"),
    (".keras", lambda x: Forgetful(9.0)(x), "answers otherwise, by [0-9.]+%; allowed: 0.1%"),
    (".onnx", lambda x: layers.Activation("gelu")(x), "does not run: a.onnx cannot be read"),
    (".onnx", lambda x: layers.Conv2D(6, 3, groups=3)(x), "does not run: a.onnx cannot be read"),
    (".onnx", lambda x: layers.Resizing(7, 7, interpolation="area")(x), "answers otherwise, by"),
    # by how much, the processor decides
    (".tflite", lambda x: layers.Activation("softplus")(x), "answers otherwise, by (inf|[0-9.]+)%"),
    (".tflite", lambda x: Formatted()(x), "cannot be written as .tflite"),
]


@pytest.mark.parametrize(("ending", "build", "words"), [pytest.param(*row, marks=needs(row[0])) for row in REFUSED])
def test_a_file_that_does_not_run_or_answers_otherwise_gets_no_name(ending, build, words, tmp_path):
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"the file of yesterday")
    with pytest.raises(ValueError, match=words) as caught:
        export.save(model_of(build), path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"the file of yesterday" and [p.name for p in tmp_path.iterdir()] == [path.name]


def test_an_infinite_map_is_refused_before_it_ends_python(tmp_path):
    model = model_of(lambda x: layers.Activation("softplus")(layers.Conv2D(3, 1, kernel_initializer="ones")(x)))
    with pytest.raises(ValueError, match="largest value of .*/Softplus1? is inf; allowed: finite maps") as caught:
        export.save(model, tmp_path / "a.tflite", calibration=SMALL)
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


@pytest.mark.parametrize(("ending", "runtime"), [(".tflite", "ai_edge_litert"), (".onnx", "onnxruntime")])
def test_without_its_runtime_a_file_is_written_with_a_warning(ending, runtime, tmp_path, monkeypatch):
    for name in export.EXTRAS[ending]:
        if name != runtime:
            pytest.importorskip(name)
    found = export.find_spec
    monkeypatch.setattr(export, "find_spec", lambda name: None if name == runtime else found(name))
    path, shown = tmp_path / f"a{ending}", runtime.replace("_", "-")
    with pytest.warns(UserWarning, match=f"a{ending} is written, but was never run. Not installed: {shown}. To get it"):
        assert export.save(body(12), path) == path.stat().st_size > 500
    with pytest.raises(
        ImportError, match=f"^Not installed: {shown}. To get it: pip install -r requirements-extras.txt"
    ):
        export.load(path)
    assert shown in export.missing(path)


def test_a_missing_converter_is_named_with_the_way_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    line = "^Not installed: onnx and tf2onnx. To get it: pip install -r requirements-extras.txt"
    with pytest.raises(ImportError, match=line):
        export.save(body(12), tmp_path / "a.onnx")
    assert export.missing(".keras") is None and not list(tmp_path.iterdir())


# ---------------------------------------------------------------- runtimes


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder, model = tmp_path_factory.mktemp("files"), body(12)
    for ending in export.EXTRAS:
        if not export.missing(ending):
            export.save(model, folder / f"small{ending}")
    return lambda ending: export.load(folder / f"small{ending}")


@pytest.mark.parametrize("ending", ALL)
@pytest.mark.parametrize(
    ("images", "words"),
    [
        (
            SMALL[0],
            r"the shape of images is \(12, 12, 3\); allowed: numbers in the shape \(n, 12, 12, 3\); one image is",
        ),
        (SMALL[:, :11], r"images is \(3, 11, 12, 3\); allowed: .* \(n, 12, 12, 3\)"),
        (SMALL[..., :1], r"images is \(3, 12, 12, 1\)"),
        (SMALL[:0], r"images is \(0, 12, 12, 3\)"),
        ("cat.png", "the type of images is '<U7'; allowed: numbers in the shape"),
        (SMALL * 1j, "the type of images is 'complex"),
        (SMALL.astype("timedelta64[s]"), "the type of images is 'timedelta64"),
        (None, "the type of images is 'object'"),
    ],
)
def test_wrong_images_are_refused_alike_in_all_runtimes(ending, images, words, written):
    with pytest.raises(ValueError, match=words) as caught:
        written(ending)(images)
    assert "\n" not in str(caught.value)


def test_images_of_any_size_are_said_to_be(tmp_path):
    with pytest.raises(ValueError, match=r"\(n, any, any, 3\)"):
        export.compiled(body())(SMALL[0])


@pytest.mark.parametrize("ending", ALL)
def test_lists_and_other_number_types_are_images_too(ending, written):
    whole = np.round(SMALL)
    for images in (whole.tolist(), whole.astype("uint8"), whole.astype("float64")):
        np.testing.assert_array_equal(written(ending)(images), written(ending)(whole))


@pytest.mark.parametrize(("value", "shown"), [(-1, "-1"), (300, "300"), (0.7, "float32"), (np.nan, "nan")])
def test_a_model_of_bytes_takes_no_other_numbers(value, shown):
    run, images = export.compiled(FILES["bytes"]()), np.round(SMALL)
    images[0, 0, 0, 0] = value
    with pytest.raises(ValueError, match=f"the range of images is .*{shown}.*; allowed: whole numbers that uint8 hold"):
        run(images)


@pytest.mark.parametrize("ending", ALL)
def test_a_damaged_file_is_named_in_one_line(ending, tmp_path):
    (tmp_path / f"bad{ending}").write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match=f"^bad{ending} cannot be read: ") as caught:
        export.load(tmp_path / f"bad{ending}")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_compiled_model_is_a_snapshot(backend, monkeypatch):
    model = body(12)
    before = values(model, SMALL)
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)  # of ours only: Keras itself goes on as it was
    run = export.compiled(model)
    for weight in model.weights:
        weight.assign(weight + 1)
    np.testing.assert_allclose(run(SMALL), before, rtol=1e-4, atol=1e-4)
    assert np.abs(values(model, SMALL) - before).max() > 1
    assert isinstance(run(SMALL), np.ndarray) and run(SMALL[:2]).shape == (2, 12, 12, 3)


def test_on_another_backend_a_model_runs_and_the_formats_of_tensorflow_are_refused(tmp_path, monkeypatch):
    model = FILES["random"]()
    expected = values(model, SMALL)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")  # of ours only: Keras itself goes on as it was
    assert_same(export.compiled(model)(SMALL), expected)
    export.save(model, tmp_path / "a.keras")
    for call in (lambda: export.save(model, tmp_path / "a.onnx"), lambda: export.save(model, tmp_path / "a.tflite")):
        with pytest.raises(RuntimeError, match="^the Keras backend is jax; allowed: tensorflow"):
            call()
    with pytest.raises(RuntimeError, match="^the Keras backend is jax; allowed: tensorflow"):
        export.fuse(model)


# ---------------------------------------------------------------- what cannot be used


UNBUILT = keras.Sequential([layers.Dense(2)], name="unbuilt")


def two_outputs():
    image = layers.Input((8, 8, 3))
    return keras.Model(image, [image + 1, image + 2], name="two")


class Uncopied(layers.Layer):
    def __init__(self, function, **options):
        super().__init__(**options)
        self.function = function

    def call(self, x):
        return self.function(x)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t, d: export.fold(UNBUILT), "model is 'unbuilt, not built"),
        (lambda t, d: export.fuse("b0"), "model is 'b0'; allowed: a functional or Sequential"),
        (
            lambda t, d: export.fold(model_of(lambda x: Uncopied(abs, name="odd")(x))),
            "layer 'odd', a Uncopied, cannot be",
        ),
        (lambda t, d: export.compiled(two_outputs()), r"model is 'two, inputs and outputs: \(1, 2\)'; allowed: one"),
        (lambda t, d: export.save(two_outputs(), d / "a.keras"), r"inputs and outputs: \(1, 2\)'; allowed: one input"),
        (lambda t, d: export.save(UNBUILT, d / "a.keras"), "not built"),
        (lambda t, d: export.save(body(), d / "a.tflite"), r"shape is \(None, None, None, 3\); allowed: a known size"),
        (lambda t, d: export.save(t, d / "a.h5"), r"a.h5'; allowed: a name that ends in .keras, .tflite, .onnx"),
        (lambda t, d: export.save(t, 7), "path is '7'; allowed"),
        (lambda t, d: export.save(t, d / "none" / "a.keras"), "a name in a folder that exists"),
        (
            lambda t, d: export.save(t, d / "a.onnx", IMAGES),
            "the ending of a file with calibration is '.onnx'; allowed: .tflite",
        ),
        (lambda t, d: export.save(t, d / "a.tflite", IMAGES[0]), r"allowed: \(n, 32, 32, 3\)"),
        (lambda t, d: export.save(t, d / "a.tflite", IMAGES[:0]), r"the shape of calibration is \(0, 32, 32, 3\)"),
        (lambda t, d: export.save(t, d / "a.tflite", IMAGES / 255), "range of calibration is '0.* to .*divided by 255"),
        (lambda t, d: export.save(t, d / "a.tflite", IMAGES * 2), "range of calibration is"),
        (lambda t, d: export.save(t, d / "a.tflite", IMAGES - 99), "range of calibration is '-99 to"),
        (lambda t, d: export.save(t, d / "a.tflite", IMAGES * np.nan), "the range of calibration is 'nan to nan"),
        (
            lambda t, d: export.save(t, d / "a.tflite", None, "int4"),
            "quantize is 'int4'; allowed: float16, dynamic range",
        ),
        (lambda t, d: export.save(t, d / "a.onnx", None, "float16"), "quantize is 'float16'; .*, of a .tflite"),
        (lambda t, d: export.save(t, d / "a.tflite", None, "int8"), "calibration is 'NoneType'; allowed: images of"),
        (
            lambda t, d: export.save(t, d / "a.tflite", IMAGES, "float16"),
            "calibration is 'ndarray'; allowed: None, for",
        ),
        (lambda t, d: export.load(d / "a.keras"), "a file that save has written"),
        (lambda t, d: export.load(d / "a.pb"), "a name that ends in"),
        (lambda t, d: export.missing("cat"), "a name that ends in"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(call, words, tiny, tmp_path):
    with pytest.raises(ValueError, match=words) as caught:
        call(tiny, tmp_path)
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_a_loss_of_ones_own_does_not_keep_a_model_from_its_file(tmp_path):
    model = keras.Sequential([layers.Input((4,)), layers.Dense(2)])
    model.compile("sgd", loss=lambda y, p: keras.ops.mean((y - p) ** 2))
    model.fit(np.ones((2, 4)), np.ones((2, 2)), verbose=0)
    export.save(model, tmp_path / "own.keras")
    assert_same(export.load(tmp_path / "own.keras")(np.ones((2, 4))), values(model, np.ones((2, 4))))
