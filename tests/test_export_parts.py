"""export.py in its parts: how far a file may be off, which images show a range, what becomes of an error."""

import keras
import numpy as np
import pytest
from keras import layers

import export
from small_models import SMALL, begin_anew, body, model_of, values

LIMITS = [(None, 0.001), ("float16", 0.05), ("int8", 0.75), ("dynamic range", 0.75), ("integer only", 0.75)]


@pytest.fixture(autouse=True)
def _the_same_numbers_in_any_order():
    begin_anew()


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Judges a file that gives what `change` makes of the model's answers."""
    model = body(12)

    def judge(change, quantize=None, calibration=None):
        monkeypatch.setattr(export, "load", lambda path: lambda images: change(values(model, images)))
        export._verify(tmp_path / "a.tflite", model, quantize, calibration)

    judge.model = model
    return judge


@pytest.mark.parametrize(("quantize", "limit"), LIMITS)
def test_a_file_may_be_off_by_what_its_numbers_cost_and_no_more(judged, quantize, limit):
    judged(lambda answers: answers * (1 + 0.9 * limit), quantize)
    with pytest.raises(ValueError, match=f"answers otherwise, by [0-9.]+%; allowed: {limit:.1%}"):
        judged(lambda answers: answers * (1 - 1.1 * limit), quantize)


def test_a_network_of_bfloat16_may_be_off_by_a_fifth(tmp_path, monkeypatch):
    model = model_of(lambda x: layers.Conv2D(2, 3, dtype="mixed_bfloat16")(x))
    for factor, right in ((1.18, True), (1.22, False)):
        monkeypatch.setattr(export, "load", lambda path, by=factor: lambda images: by * values(model, images))
        if right:
            export._verify(tmp_path / "a.keras", model, None, None)
        else:
            with pytest.raises(ValueError, match="allowed: 20.0%"):
                export._verify(tmp_path / "a.keras", model, None, None)


def test_a_file_with_other_outputs_is_refused(judged):
    with pytest.raises(ValueError, match=r"gives shape \(2, 12, 12\), the model \(2, 12, 12, 3\)"):
        judged(lambda answers: answers[..., 0])
    with pytest.raises(ValueError, match="by inf%"):
        judged(lambda answers: np.where(answers > np.median(answers), np.nan, answers))


def test_a_calibrated_file_is_judged_on_what_it_was_calibrated_with(judged):
    seen = []
    judged(lambda answers: seen.append(answers) or answers, "int8", SMALL)
    np.testing.assert_array_equal(seen[0], values(judged.model, SMALL))


@pytest.mark.parametrize(("low", "high"), [(0, 255), (0.5, 1.5), (2, 200)])
def test_images_that_show_the_range_are_taken_in_the_type_of_the_model(low, high):
    images = np.linspace(low, high, 2 * 12 * 12 * 3).reshape(2, 12, 12, 3)
    found = export._calibration(images, body(12), ".tflite")
    assert found.dtype == "float32" and found.shape == images.shape
    np.testing.assert_allclose(found, images, rtol=1e-6)


@pytest.mark.parametrize(("low", "high"), [(-1, 255), (0, 1), (0, 255.5), (0, 0)])
def test_images_that_do_not_show_it_are_refused(low, high):
    images = np.linspace(low, high, 2 * 12 * 12 * 3).reshape(2, 12, 12, 3)
    with pytest.raises(ValueError, match="the range of calibration is"):
        export._calibration(images, body(12), ".tflite")


def test_an_error_of_a_library_becomes_one_line_and_one_of_the_machine_stays():
    for error in (OSError("disk full"), ImportError("no such thing"), MemoryError()):
        with pytest.raises(type(error)) as caught, export._refusing("a model"):
            raise error
        assert caught.value is error
    for error, line in ((KeyError(), "a model: KeyError"), (RuntimeError("one\ntwo"), "a model: one")):
        with pytest.raises(ValueError) as caught, export._refusing("a model"):
            raise error
        assert str(caught.value) == line


def test_names_stay():
    model = keras.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(2, 3), layers.BatchNormalization()], name="mine")
    assert export.fold(model).name == export._graph(model).name == "mine"


def test_a_copied_function_keeps_all_that_it_was_given():
    def times(x, k):
        return x * k

    def masked(x, mask):
        return mask

    given = dict(output_shape=(3,), mask=masked, arguments={"k": 2}, name="times", dtype="float64")
    copied = export._copy(layers.Lambda(times, **given))
    assert copied.function is times and copied.mask is masked and copied.arguments == {"k": 2}
    assert copied.name == "times" and copied.dtype_policy.name == "float64" and copied._output_shape == (3,)
