"""What lesson 07 says about time, size and accuracy holds for the tables."""

import keras
import pytest
from keras import layers

from datasets import measured, published


@pytest.fixture(scope="module")
def rows():
    found = {}
    for row in measured("export"):
        if row["network"] == "lite0" and row["batch"] == 1:
            found[row["format"]] = row
    return found


def test_predict_costs_nearly_four_compiled_calls_and_everything_thirteen(rows):
    names = ("Keras, model.predict", "Keras", "Keras, folded", "LiteRT", "ONNX")
    ms = {name: rows[name]["ms_median"] for name in names}
    assert 3.5 < ms["Keras, model.predict"] / ms["Keras"] < 4
    assert 12.5 < ms["Keras, model.predict"] / min(ms.values()) < 13.5
    assert sorted(ms.values(), reverse=True)[:3] == list(ms.values())[:3]


def test_with_sixteen_photos_predict_still_takes_one_and_a_half_times_as_long():
    at_once = [row for row in measured("export") if (row["network"], row["batch"]) == ("lite0", 16)]
    (predict,) = [row for row in at_once if row["format"] == "Keras, model.predict"]
    assert round(predict["ratio_median"], 1) == 1.5


def test_fused_b0_trains_one_point_four_times_as_fast_mostly_by_keeping_memory():
    work = "training step, 224 px, batch 16"
    ratios = {row["work"]: row["ratio_median"] for row in measured("speed")}
    assert round(ratios[work], 1) == 1.4 and ratios[f"{work}, memory kept"] < 1 + (ratios[work] - 1) / 2


def test_one_scale_for_a_layer_costs_fifteen_points_and_one_for_each_channel_nothing_that_shows(rows):
    lost = {}
    for per in ("channel", "layer"):
        lost[per] = rows["Keras"]["top1"] - rows[f"8-bit weights, one scale per {per}"]["top1"]
    assert 14.5 < lost["layer"] < 15.5 and lost["channel"] < 0.5


def test_int8_is_a_little_more_than_a_quarter_and_loses_no_more_than_luck(rows):
    int8, whole = rows["LiteRT int8"], rows["LiteRT"]
    assert 0.25 < int8["file_bytes"] / whole["file_bytes"] < 0.3
    assert (int8["lost"], int8["won"]) == (38, 29) and 9 < 2 * (38 + 29) ** 0.5
    assert int8["lost"] - int8["won"] == round(int8["test_images"] * (whole["top1"] - int8["top1"]) / 100)
    assert int8["agreement"] == min(row["agreement"] for name, row in rows.items() if name.startswith("LiteRT"))


def test_eight_bits_are_small_and_fast_only_where_ranges_are_fixed(rows):
    phone, whole = published("efficientnet_lite")[0], rows["LiteRT"]["ms_median"]
    assert phone["int8_cpu_ms"] / phone["fp32_cpu_ms"] < 0.6 and rows["LiteRT int8"]["ms_median"] / whole < 0.65
    files = {name: row["ms_median"] for name, row in rows.items() if name.startswith(("LiteRT", "ONNX"))}
    assert max(files, key=files.get) == "LiteRT dynamic range" and files["LiteRT dynamic range"] > 2 * whole
    assert rows["LiteRT dynamic range"]["file_bytes"] < 1.05 * rows["LiteRT int8"]["file_bytes"]
    assert rows["LiteRT"]["file_bytes"] > 3 * rows["LiteRT int8"]["file_bytes"]


def test_sixteen_bits_take_longer_on_our_cpu(rows):
    assert rows["Keras, mixed_float16"]["ratio_median"] == pytest.approx(1.5, abs=0.05)
    assert rows["Keras, mixed_bfloat16"]["ratio_median"] > 1.2


def test_eight_bits_halve_the_time_of_every_lite_on_a_phone_and_cost_about_a_point():
    for row in published("efficientnet_lite"):
        assert 0.35 < row["int8_cpu_ms"] / row["fp32_cpu_ms"] < 0.6
        assert 0.5 < row["fp32_top1"] - row["int8_top1"] < 1.5


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_quantize_of_keras_leaves_convolutions_alone():
    kept = [layers.Conv2D(4, 3), layers.DepthwiseConv2D(3), layers.Flatten()]
    model = keras.Sequential([layers.Input((8, 8, 3)), *kept, layers.Dense(2)])
    model.quantize("int8")
    for layer in kept:
        assert all(weight.dtype == "float32" for weight in layer.weights)
    assert "int8" in {weight.dtype for weight in model.layers[-1].weights}


def test_a_network_with_swish_and_gates_loses_nothing_that_shows():
    found = {row["format"]: row["top1"] for row in measured("export") if (row["network"], row["batch"]) == ("small", 1)}
    assert (found["Keras"], found["LiteRT int8"]) == (88.5, 88.3)
    assert found["8-bit weights, one scale per layer"] == found["Keras"]
