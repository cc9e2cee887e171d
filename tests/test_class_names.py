"""Class names inside a file: read again by a program without us, and the model in it stays what it was."""

import json
import zipfile

import keras
import numpy as np
import pytest
from keras import layers

import export
from class_names import read_classes, write_classes

NAMES = ("Ähre", "cat, or dog", "猫")
IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype("float32")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    parts = [layers.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D()]
    return keras.Sequential([*parts, layers.Dense(3, activation="softmax")])


def needs(ending):
    line = export.missing(ending)
    skipped = pytest.mark.skipif(line is not None, reason=str(line))
    return pytest.param(ending, marks=[pytest.mark.extras, skipped] if export.EXTRAS[ending] else [])


def by_a_stranger(path):
    """What a program without this repository does."""
    if path.suffix != ".onnx":
        return json.loads(zipfile.ZipFile(path).read("classes.json"))
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return json.loads(session.get_modelmeta().custom_metadata_map["classes"])


@pytest.mark.parametrize("ending", [needs(".keras"), needs(".tflite"), needs(".onnx")])
def test_names_travel_and_the_model_answers_as_before(model, tmp_path, ending):
    path = tmp_path / f"mine{ending}"
    export.save(model, path)
    before = export.load(path)(IMAGES)
    assert read_classes(path) is None
    write_classes(path, ["a", "b", "c"])
    write_classes(path, NAMES)
    assert read_classes(path) == NAMES
    assert tuple(by_a_stranger(path)) == NAMES
    np.testing.assert_array_equal(export.load(path)(IMAGES), before)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", [needs(".onnx")])
def test_other_metadata_of_an_onnx_file_stays_and_names_stand_there_once(model, tmp_path, ending):
    import onnx

    path = tmp_path / f"mine{ending}"
    export.save(model, path)
    loaded = onnx.load_model(path)
    loaded.metadata_props.add(key="author", value="somebody")
    path.write_bytes(loaded.SerializeToString())
    write_classes(path, ["a", "b", "c"])
    write_classes(path, NAMES)
    entries = [(entry.key, entry.value) for entry in onnx.load_model(path).metadata_props]
    assert entries == [("author", "somebody"), ("classes", json.dumps(NAMES, ensure_ascii=False))]


def test_keras_opens_the_file_without_us(model, tmp_path):
    path = tmp_path / "mine.keras"
    model.save(path)
    members = zipfile.ZipFile(path).namelist()
    write_classes(path, NAMES)
    write_classes(path, NAMES[:2])
    assert zipfile.ZipFile(path).namelist() == [*members, "classes.json"] and zipfile.ZipFile(path).testzip() is None
    found = keras.saving.load_model(path).predict_on_batch(IMAGES)
    np.testing.assert_allclose(found, model.predict_on_batch(IMAGES), rtol=1e-6)


@pytest.mark.parametrize("classes", [[], ["a", ""], ["a", 1], "cat", b"cat", {"cat", "dog"}, None, 5])
def test_names_that_name_nothing(tmp_path, classes):
    path = tmp_path / "mine.keras"
    zipfile.ZipFile(path, "w").close()
    content = path.read_bytes()
    with pytest.raises(ValueError, match="classes is .*; allowed: one text for each output"):
        write_classes(path, classes)
    assert path.read_bytes() == content


def test_files_that_cannot_be_used(tmp_path):
    (tmp_path / "mine.h5").write_bytes(b"")
    with pytest.raises(ValueError, match="mine.h5'; allowed: a file that ends in .keras, .tflite, .onnx"):
        read_classes(tmp_path / "mine.h5")
    with pytest.raises(ValueError, match="nowhere.keras'; allowed: a file that exists"):
        write_classes(tmp_path / "nowhere.keras", NAMES)
