"""architecture.py against independent sources: Keras's own models, the paper's Table 1, published integers."""

import ast
import dataclasses
import math
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import architecture
import arguments
import command
import start
from architecture import B0, LITE, STAGES, VARIANTS, Baseline, EfficientNet, Scale, Stage, plan
from datasets import published
from walk import walk_macs

FAMILY = [f"b{i}" for i in range(8)]
PARAMS = (5_330_564, 7_856_232, 9_177_562, 12_320_528, 19_466_816, 30_562_520, 43_265_136, 66_658_680)
MACS = (
    385_814_752,
    686_802_832,
    993_561_872,
    1_827_141_392,
    4_393_771_024,
    10_266_384_752,
    19_067_593_536,
    37_745_884_192,
)
# stem, the seven stages and the top of tensorflow/tpu's B0…B8 and L2: channels, and blocks in each stage
RELEASED = {
    "b0": ((32, 16, 24, 40, 80, 112, 192, 320, 1280), (1, 2, 2, 3, 3, 4, 1)),
    "b1": ((32, 16, 24, 40, 80, 112, 192, 320, 1280), (2, 3, 3, 4, 4, 5, 2)),
    "b2": ((32, 16, 24, 48, 88, 120, 208, 352, 1408), (2, 3, 3, 4, 4, 5, 2)),
    "b3": ((40, 24, 32, 48, 96, 136, 232, 384, 1536), (2, 3, 3, 5, 5, 6, 2)),
    "b4": ((48, 24, 32, 56, 112, 160, 272, 448, 1792), (2, 4, 4, 6, 6, 8, 2)),
    "b5": ((48, 24, 40, 64, 128, 176, 304, 512, 2048), (3, 5, 5, 7, 7, 9, 3)),
    "b6": ((56, 32, 40, 72, 144, 200, 344, 576, 2304), (3, 6, 6, 8, 8, 11, 3)),
    "b7": ((64, 32, 48, 80, 160, 224, 384, 640, 2560), (4, 7, 7, 10, 10, 13, 4)),
    "b8": ((72, 32, 56, 88, 176, 248, 424, 704, 2816), (4, 8, 8, 11, 11, 15, 4)),
    "l2": ((136, 72, 104, 176, 344, 480, 824, 1376, 5504), (6, 11, 11, 16, 16, 22, 6)),
}
TINY = Baseline(
    stages=(Stage(1, 3, 1, 8, 1), Stage(4, 5, 2, 16, 2)),
    stem_filters=8,
    stem_stride=1,
    top_filters=32,
    mean=(127.5,),
    std=(127.5,),
)
SMALL = Scale(0.25, 0.5, 45)  # every kind of layer, with and without a skip


@pytest.fixture(autouse=True)
def _fresh_keras():
    yield
    keras.utils.clear_session()


def randomise(ours, theirs, seed):
    """Gives both models the same weights, such that a signal neither dies out nor explodes on its way through them.

    Then the last features depend on every layer. A branch that is added to a skip connection is made small, because
    B7 has 48 of them in a row; a block without one is its stage's only path and must not be.
    """
    rng, names = np.random.default_rng(seed), {layer.name for layer in ours.layers}
    added = {name.replace("add", "project_bn") for name in names if name.endswith("_add")}
    for layer in ours.layers:
        values = []
        for variable in layer.weights:
            shape, kind = variable.shape, variable.path.rsplit("/", 1)[-1]
            if kind == "gamma":
                value = rng.uniform(0.5, 1.5, shape) * (0.1 if layer.name in added else 1)
            elif kind == "moving_variance":
                value = rng.uniform(0.4, 1.2, shape)
            elif len(shape) == 1:
                value = rng.normal(0, 0.1, shape)
            else:
                fan_in = math.prod(shape[:2] if "dwconv" in layer.name else shape[:-1])
                value = rng.normal(0, (1.75 / fan_in) ** 0.5, shape)
            values.append(value)
        if values:
            layer.set_weights(values)
            theirs.get_layer(layer.name).set_weights(values)


def reference(variant, size=224):
    """Keras's own model, with the normalization that its ImageNet weights amount to."""
    model = getattr(keras.applications, f"EfficientNet{variant.upper()}")(weights=None, input_shape=(size, size, 3))
    normalization = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    normalization.mean = np.float32([0.485, 0.456, 0.406]).reshape(1, 1, 1, 3)
    normalization.variance = np.float32([0.229, 0.224, 0.225]).reshape(1, 1, 1, 3) ** 2
    return model


@pytest.mark.parametrize("variant, params, macs", list(zip(FAMILY, PARAMS, MACS, strict=True)))
def test_the_plan_counts_what_is_published(variant, params, macs):
    assert (plan(variant).params, plan(variant).macs) == (params, macs)


# B2 is wider, deeper and, with 95 pixels, odd; B7 at 600 takes 6 GB and half a minute: larger and full ones run weekly
@pytest.mark.parametrize(
    "variant, size",
    [("b0", None), ("b2", 95)]
    + [pytest.param(variant, size, marks=pytest.mark.slow) for variant, size in (("b4", 95), ("b7", 64))]
    + [pytest.param(variant, None, marks=pytest.mark.slow) for variant in FAMILY[1:]],
)
def test_the_model_equals_keras(variant, size):
    """Names, parameters, MACs, stochastic depth, and features for random weights and a random image.

    `size`: height and width of the image, the variant's own if None.
    """
    scale = dataclasses.replace(VARIANTS[variant], resolution=size or VARIANTS[variant].resolution)
    ours, theirs, paper = EfficientNet(scale), reference(variant, scale.resolution), plan(scale)
    assert ours.count_params() == paper.params == theirs.count_params() - 7  # 7: the Normalization layer's state
    assert walk_macs(ours) == paper.macs == walk_macs(theirs)
    weighted = [layer.name for layer in ours.layers if layer.weights]
    assert weighted == [layer.name for layer in theirs.layers if layer.weights and "normalization" not in layer.name]
    names = {layer.name for layer in theirs.layers}
    assert {layer.name for layer in ours.layers} - names == {"image"}

    def rates(model):
        return {layer.name: layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)}

    assert rates(ours) == pytest.approx(rates(theirs), abs=1e-12)
    assert [layer.noise_shape for layer in ours.layers if layer.name.endswith("drop")] == [(None, 1, 1, 1)] * sum(
        block.skip for block in paper.blocks
    )

    seed = FAMILY.index(variant)
    randomise(ours, theirs, seed)
    image = np.random.default_rng(100 + seed).uniform(0, 255, (1, *ours.input_shape[1:])).astype("float32")
    expected = features(theirs, image)
    assert expected.std() > 0.01  # neither dead nor saturated, else equality would say nothing
    assert difference(features(ours, image), expected) <= 1e-5
    if variant == "b0":  # and the comparison is not blind: a wrong epsilon in any one layer shows
        for name in ("stem_bn", "block2b_project_bn", "block6d_project_bn"):
            layer = ours.get_layer(name)
            layer.epsilon = 1e-5
            assert difference(features(ours, image), expected) > 2e-5, name
            layer.epsilon = 1e-3


def features(model, image):
    return np.asarray(keras.Model(model.input, model.get_layer("top_activation").output)(image))


def difference(got, expected):
    """The largest difference, relative to the largest feature."""
    return np.abs(got - expected).max() / np.abs(expected).max()


def test_the_bottleneck_is_linear_and_the_top_is_softmax():
    model = EfficientNet(Scale(1.0, 1.0, 32))
    assert "block2b_project_activation" not in {layer.name for layer in model.layers}
    image = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3))
    out = np.asarray(model(image))
    assert out.shape == (2, 1000) and out.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_initial_weights_are_distributed_like_kerass():
    """Standard deviations of ten kinds of kernel; a fan-in or a forgotten initializer would be off by a factor."""
    ours, theirs = EfficientNet("b0"), reference("b0")
    for layer in ours.layers:
        if layer.weights and len(layer.weights[0].shape) > 1 and math.prod(layer.weights[0].shape) > 2000:
            expected = np.std(theirs.get_layer(layer.name).get_weights()[0])
            assert np.std(layer.get_weights()[0]) == pytest.approx(expected, rel=0.15), layer.name


def test_batch_normalization_matches_the_released_hyperparameters():
    for layer in EfficientNet(SMALL).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.momentum, layer.epsilon) == (0.99, 1e-3)


@pytest.mark.parametrize("variant", RELEASED)
def test_channels_and_repeats_are_those_released(variant):
    paper = plan(variant)
    channels = [paper.stem.filters, *(blocks[0].project.filters for blocks in paper.stages), paper.top.filters]
    assert (tuple(channels), tuple(map(len, paper.stages))) == RELEASED[variant]
    assert [block for blocks in paper.stages for block in blocks] == list(paper.blocks)


def test_variants_are_those_released():
    """B0 to B8 and L2 as in tensorflow/tpu; there, Lite scales as the B of the same number does."""
    for row in published("scaling_coefficients"):
        scale = VARIANTS[row["model"].lower()]
        expected = [float(row[column]) for column in ("width", "depth", "resolution", "dropout")]
        assert [scale.width, scale.depth, scale.resolution, scale.dropout] == expected, row["model"]
    for number in range(3):
        assert VARIANTS[f"lite{number}"] == dataclasses.replace(VARIANTS[f"b{number}"], baseline=LITE)


def test_widths_are_multiples_of_the_baselines_divisor():
    paper = plan(Scale(1.1, 1.0, 64, baseline=dataclasses.replace(B0, divisor=1)))
    widths = [paper.stem.filters, *(blocks[-1].project.filters for blocks in paper.stages), paper.top.filters]
    assert widths == [round(1.1 * filters) for filters in RELEASED["b0"][0]]


def test_b0_is_table_1():
    """The resolution that enters each stage, as the fifth version of the paper prints it."""
    paper = plan("b0")
    sizes = [paper.stem.size, *(blocks[0].depthwise.size for blocks in paper.stages), paper.top.size]
    assert sizes == [224, 112, 112, 56, 28, 14, 14, 7, 7]


def test_squeeze_and_excitation_is_a_quarter_of_the_blocks_input():
    reduced = [block.se_reduce.filters for block in plan("b0").blocks]
    assert reduced == [8, 4, 6, 6, 10, 10, 20, 20, 20, 28, 28, 28, 48, 48, 48, 48]  # tensorflow/tpu#616


def test_stochastic_depth_grows_with_the_scaled_number_of_blocks():
    for variant in ("b0", "b5"):
        blocks = plan(variant).blocks
        assert [block.drop_rate for block in blocks] == pytest.approx(
            [0.2 * i / len(blocks) for i in range(len(blocks))]
        )


@pytest.mark.parametrize("width", (0.3, 1.0, 1.1, 1.2, 1.4, 1.8, 2.2, 4.3))
def test_round_filters_never_loses_a_tenth(width):
    for filters in (8, 16, 24, 32, 40, 80, 112, 192, 320, 1280):
        rounded = architecture.round_filters(filters, width)
        assert rounded % 8 == 0 and rounded >= 8
        assert rounded >= 0.9 * filters * width
        assert rounded - filters * width <= 8


def test_round_repeats_rounds_up():
    assert [architecture.round_repeats(4, depth) for depth in (1.0, 1.1, 1.25, 1.26, 3.1)] == [4, 5, 5, 6, 13]


def test_compound_scale_is_equation_3():
    one = architecture.compound_scale(1)
    assert (one.depth, one.width, one.resolution) == (1.2, 1.1, round(224 * 1.15))
    zero = architecture.compound_scale(0)
    assert plan(zero) == plan(dataclasses.replace(VARIANTS["b0"]))
    two = architecture.compound_scale(2, alpha=1.3, beta=1.0, gamma=1.1)
    assert (two.depth, two.width, two.resolution) == pytest.approx((1.69, 1.0, 271))


def test_lite_is_googles():
    """4,652,008 trainable parameters in Google's checkpoint, and its README's 407 M multiply-adds within 6 %."""
    paper, model = plan("lite0"), EfficientNet("lite0")
    assert sum(math.prod(weight.shape) for weight in model.trainable_weights) == 4_652_008
    assert walk_macs(model) == paper.macs and paper.macs == pytest.approx(407e6, rel=0.06)
    assert not any("_se_" in layer.name for layer in model.layers)
    assert model.get_layer("stem_activation").activation is keras.activations.relu6
    lite4 = plan(Scale(1.4, 1.8, 300, 0.3, LITE))  # Google's largest: the ends stay as they are
    assert (lite4.stem.filters, lite4.top.filters) == (32, 1280)
    assert [len(blocks) for blocks in lite4.stages] == [1, 4, 4, 6, 6, 8, 1]


@pytest.mark.parametrize(
    "scale",
    [
        Scale(0.35, 0.5, 61),
        Scale(1.2, 1.5, 28, 0.0, TINY),
        Scale(0.1, 14.0, 33, 0.0, TINY),  # more blocks in a stage than there are letters
        pytest.param(VARIANTS["b8"], marks=pytest.mark.slow),
        pytest.param(Scale(0.1, 7.0, 33), marks=pytest.mark.slow),
    ],
)
def test_any_scale_builds_and_the_counts_agree(scale):
    small = dataclasses.replace(scale, resolution=min(scale.resolution, 64))
    model, paper = EfficientNet(small, classes=10), plan(small, classes=10)
    assert (model.count_params(), walk_macs(model)) == (paper.params, paper.macs)
    assert len({layer.name for layer in model.layers}) == len(model.layers)


@pytest.mark.parametrize("variant, millions", [("b8", 87.41), ("l2", 480.31)])
def test_the_largest_have_timms_number_of_trainable_parameters(variant, millions):
    convs = plan(variant).convs
    trainable = sum(conv.weights + conv.filters * (1 if conv.bias else 2) for conv in convs)
    assert round(trainable / 1e6, 2) == millions  # timm's tf_efficientnet_b8 and tf_efficientnet_l2


def test_activations_are_the_outputs_of_the_convolutions():
    model, paper = EfficientNet(SMALL), plan(SMALL)
    shapes = {layer.name: layer.output.shape for layer in model.layers}
    assert paper.activations == sum(math.prod(shapes[conv.name][1:]) for conv in paper.convs)


def test_without_a_top():
    model, paper = EfficientNet("b0", include_top=False), plan("b0", include_top=False)
    assert model.count_params() == paper.params == 4_049_571 - 7
    assert paper.macs == 384_534_752
    assert model.name == "efficientnet_b0" and EfficientNet(Scale(0.1, 0.1, 32)).name == "efficientnet"
    assert model.output.shape == (None, 7, 7, 1280) and paper.predictions is None


def test_the_table_of_a_body_ends_with_its_top(capsys):
    architecture.print_stages(plan("b0", include_top=False))
    rows = capsys.readouterr().out.splitlines()
    architecture.print_stages(plan("b0"))
    whole = capsys.readouterr().out.splitlines()
    assert len(rows) == len(whole)
    different = [row for row, other in zip(rows, whole) if row != other]
    assert different == rows[-2:] and "Conv1x1" in rows[-2] and rows[-1].startswith("total")


def test_numbers_of_eight_bits_normalize_as_any_others():
    narrow = dataclasses.replace(LITE, mean=(np.uint8(127),) * 3, std=(np.uint8(128),) * 3)
    layer = EfficientNet(dataclasses.replace(SMALL, baseline=narrow)).get_layer("rescaling")
    assert np.ravel(layer(np.zeros((1, 1, 1, 3), "float32"))) == pytest.approx(-127 / 128)


def test_input_normalization():
    """Black and white pixels after the Rescaling layer: (x / 255 - mean) / std, and (x - 127) / 128 for Lite."""
    for baseline, mean, std in ((B0, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]), (LITE, 127 / 255, 128 / 255)):
        layer = EfficientNet(dataclasses.replace(SMALL, baseline=baseline)).get_layer("rescaling")
        for pixel in (0.0, 255.0):
            got = np.asarray(layer(np.full((1, 1, 1, 3), pixel, "float32"))).ravel()
            assert got == pytest.approx(np.broadcast_to((pixel / 255 - np.array(mean)) / std, 3), abs=1e-5)


def test_save_and_reload_need_no_custom_objects(tmp_path):
    model = EfficientNet(SMALL, classes=7)
    image = np.random.default_rng(0).uniform(0, 255, (2, 45, 45, 3))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(np.asarray(model(image)), np.asarray(again(image)))
    model.save_weights(tmp_path / "model.weights.h5")
    third = EfficientNet(SMALL, classes=7)
    third.load_weights(tmp_path / "model.weights.h5")
    assert np.array_equal(np.asarray(model(image)), np.asarray(third(image)))


def test_channels_first_is_refused():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="'channels_first'; allowed: channels_last"):
            EfficientNet(Scale(0.1, 0.1, 32))
    finally:
        keras.config.set_image_data_format("channels_last")


def test_the_number_of_classes_may_come_from_an_array():
    assert EfficientNet(Scale(0.1, 0.1, 32), classes=np.array([0, 2, 1]).max() + 1).output.shape == (None, 3)


def test_the_last_layer_is_float32_under_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = EfficientNet(SMALL, classes=5)
        assert model.get_layer("top_conv").compute_dtype == "float16"
        assert model.output.dtype == "float32"
        assert np.isfinite(np.asarray(model(np.full((1, 45, 45, 3), 255.0)))).all()
    finally:
        keras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize(
    "call, named",
    [
        (lambda: EfficientNet("b9"), ("b9", "b0, b1", "Scale")),
        (lambda: EfficientNet(3), ("3", "b0")),
        (lambda: plan(["b0"]), ("['b0']", "b0")),
        (lambda: Scale(0, 1.0, 224), ("width", "0")),
        (lambda: Scale(float("nan"), 1.0, 224), ("width", "nan")),
        (lambda: Scale(1.0, -1.0, 224), ("depth", "-1.0")),
        (lambda: Scale(1.0, float("inf"), 224), ("depth", "inf")),
        (lambda: Scale("1", 1.0, 224), ("width", "'1'")),
        (lambda: Scale(1.0, 1.0, 224.5), ("resolution", "224.5")),
        (lambda: Scale(1.0, 1.0, 224, 1.0), ("dropout", "1.0")),
        (lambda: Scale(1.0, 1.0, 224, -0.1), ("dropout", "-0.1")),
        (lambda: Scale(1.0, 1.0, 224, baseline="b0"), ("baseline", "'b0'")),
        (lambda: EfficientNet("b0", classes=0), ("classes", "0")),
        (lambda: EfficientNet("b0", classes=2.0), ("classes", "2.0")),
        (lambda: EfficientNet("b0", classes=1), ("classes", "1", "include_top=False")),
        (lambda: dataclasses.replace(B0, stages=()), ("stages", "()")),
        (lambda: dataclasses.replace(B0, stages=[STAGES[0]]), ("stages", "a tuple")),
        (lambda: dataclasses.replace(B0, stages=("b0",)), ("stages", "'b0'")),
        (lambda: dataclasses.replace(B0, se_ratio=-1), ("se_ratio", "-1")),
        (lambda: dataclasses.replace(B0, se_ratio=1.5), ("se_ratio", "1.5")),
        (lambda: dataclasses.replace(B0, se_ratio=float("nan")), ("se_ratio", "nan")),
        (lambda: dataclasses.replace(B0, activation="swissh"), ("activation", "'swissh'", "silu")),
        (lambda: dataclasses.replace(B0, activation=None), ("activation", "None")),
        (lambda: dataclasses.replace(B0, fixed_ends=2), ("fixed_ends", "2")),
        (lambda: dataclasses.replace(B0, stochastic_depth=1), ("stochastic_depth", "1")),
        (lambda: dataclasses.replace(B0, mean=127, std=1), ("mean", "127")),
        (lambda: dataclasses.replace(B0, mean=(), std=()), ("mean", "()")),
        (lambda: dataclasses.replace(B0, mean=(127.0,)), ("mean", "std", "each channel")),
        (lambda: dataclasses.replace(B0, mean=(1, 2, float("nan"))), ("mean", "nan")),
        (lambda: dataclasses.replace(B0, std=(0, 1, 1)), ("std", "(0, 1, 1)")),
        (lambda: dataclasses.replace(B0, activation="glu"), ("activation", "'glu'")),
        (lambda: dataclasses.replace(B0, activation="get"), ("activation", "'get'")),
        (lambda: dataclasses.replace(B0, std=(1, 1, "1")), ("std", "'1'")),
    ],
)
def test_a_wrong_argument_gets_one_clear_line(call, named):
    with pytest.raises(ValueError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message and "allowed" in message
    assert all(part in message for part in named), message


@pytest.mark.parametrize("thing", (STAGES[0], B0, VARIANTS["b0"]), ids=("Stage", "Baseline", "Scale"))
@pytest.mark.parametrize("wrong", (0, -1, 1.5, True, "3", None, 1_000_001))
def test_counts_are_whole_numbers_within_their_limits(thing, wrong):
    for field in dataclasses.fields(thing):
        if field.type is int:
            line = f"^{field.name} is {wrong!r}; allowed: a whole number from 1 to 1,000,000.$"
            with pytest.raises(ValueError, match=line):
                dataclasses.replace(thing, **{field.name: wrong})


def test_limits_that_are_allowed():
    assert dataclasses.replace(B0, se_ratio=1, stochastic_depth=0).se_ratio == 1
    assert Scale(0.1, 0.1, 1, dropout=0).dropout == 0


def test_the_family_on_the_screen(capsys):
    assert architecture.main([]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows[1:]] == FAMILY
    assert [int(row[-1].replace(",", "")) for row in rows[1:]] == list(MACS)
    assert [int(row[-2].replace(",", "")) for row in rows[1:]] == list(PARAMS)
    assert [int(row[-3]) for row in rows[1:]] == [16, 23, 23, 26, 32, 39, 45, 55]


def test_one_network_on_the_screen(capsys):
    assert architecture.main(["B3"]) == 0
    b3 = capsys.readouterr().out.splitlines()
    assert len(b3) == 11 and b3[4].split()[:6] == ["4", "MBConv6,", "5x5", "75", "48", "3"]
    assert b3[-2].split()[:6] == ["9", "Conv1x1,", "Dense", "10", "1536", "1"]
    for column, total in ((-1, MACS[3]), (-2, PARAMS[3])):
        counts = [int(line.split()[column].replace(",", "")) for line in b3[1:]]
        assert sum(counts[:-1]) == counts[-1] == total


@pytest.mark.parametrize("arguments, words", [(["b9"], "variant is 'b9'"), (["b0", "b1"], "at most one variant")])
def test_a_wrong_command_line_gets_one_line(arguments, words, capsys):
    assert architecture.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("architecture.py: ") and words in err and err.count("\n") == 1


def test_the_program_says_how_it_is_called(capsys):
    assert architecture.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage:") and "python src/architecture.py b3" in out


def imported(module):
    found = set()
    for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add(node.module.split(".")[0])
    return found


def test_keras_is_all_that_is_imported_beside_python_s_own():
    assert imported(architecture) - sys.stdlib_module_names == {"keras", "arguments", "command", "start"}
    assert imported(arguments) | imported(command) | imported(start) <= sys.stdlib_module_names | {"keras"}
    assert B0.stages is STAGES and LITE.stages is STAGES
