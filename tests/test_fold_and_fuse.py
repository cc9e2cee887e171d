"""Rewritten graphs compute the same: batch norm folded into convolutions, and as one fused kernel (export.py)."""

import keras
import numpy as np
import pytest
from keras import layers

import export
from architecture import EfficientNet, plan
from small_models import (
    RANDOM,
    SMALL,
    TINY,
    assert_same,
    begin_anew,
    body,
    called_twice_inside,
    kinds,
    model_of,
    randomised,
    values,
)

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="fuse needs TensorFlow")


@pytest.fixture(autouse=True)
def _the_same_numbers_in_any_order():
    begin_anew()


@pytest.fixture(scope="module")
def tiny():
    return randomised(EfficientNet(TINY, classes=7))


# ---------------------------------------------------------------- fold


def test_a_folded_network_computes_the_same(tiny):
    folded, before = export.fold(tiny), tiny.get_weights()
    assert_same(values(folded), values(tiny))
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


def hard_wired_training(x):
    return layers.BatchNormalization()(layers.Conv2D(3, 1)(x), training=True)


NOT_FOLDED = [activated, used_twice, called_twice, called_again, norm_called_twice, used_by_a_second_call]


@pytest.mark.parametrize("build", [*NOT_FOLDED, other_axis, norm_first, hard_wired_training])
def test_what_cannot_be_folded_stays(build):
    model = model_of(build, size=8)
    folded, x = export.fold(model), RANDOM.normal(size=(2, 8, 8, 3))
    np.testing.assert_allclose(values(folded, x), values(model, x), rtol=1e-4, atol=1e-5)
    assert kinds(folded).count(layers.BatchNormalization) == 1


@pytest.mark.parametrize(("axis", "left"), [(1, 0), (-3, 0), (2, 1), (-1, 1)])
def test_channels_may_come_first(axis, left):
    """Seen in the graph: on a processor TensorFlow runs no such convolution."""
    image = layers.Input((3, 8, 8))
    conv = layers.Conv2D(8, 1, data_format="channels_first")(image)
    folded = export.fold(keras.Model(image, layers.BatchNormalization(axis=axis)(conv)))
    assert kinds(folded).count(layers.BatchNormalization) == left


def test_a_convolution_that_is_an_output_stays():
    image = layers.Input((8, 8, 3))
    y = layers.Conv2D(3, 1)(image)
    folded = export.fold(keras.Model(image, [y, layers.BatchNormalization()(y)]))
    assert kinds(folded).count(layers.BatchNormalization) == 1


# ---------------------------------------------------------------- fold and fuse: any graph, with all its state


@keras.saving.register_keras_serializable("tests")
class Derived(layers.Layer):
    """Multiplies by what it once made of its weight, as Normalization does."""

    def build(self, shape):
        self.stored = self.add_weight(shape=(), initializer="ones", trainable=False)
        self.factor = 1.0

    def call(self, x):
        return x * self.factor

    def load_own_variables(self, store):
        super().load_own_variables(store)
        self.factor = float(keras.ops.convert_to_numpy(self.stored))


def derived(x):
    layer = Derived()
    layer.build(x.shape)
    layer.load_own_variables({"0": np.float32(3)})
    return layer(x)


def sequential_inside(x):
    inner = [layers.Input((None, None, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU()]
    return keras.Sequential(inner)(x)


def two_deep(x):
    image = layers.Input((12, 12, 3))
    return keras.Model(image, layers.ReLU()(body()(layers.Normalization()(image))))(x)


def by_name(x):
    pixels = layers.Reshape((144, 3))(x / 255)
    return layers.MultiHeadAttention(1, 2)(query=pixels, value=pixels)


OFFSET = 2.5
WITH_STATE = {  # the layers, and how many batch norms fold leaves
    "normalization": (lambda x: layers.BatchNormalization()(layers.Conv2D(4, 3)(layers.Normalization()(x))), 0),
    "given": (lambda x: layers.Normalization(mean=[1.0, 2, 3], variance=[4.0, 5, 6])(x), 0),
    "a layer of one's own": (derived, 0),
    "lambda": (lambda x: layers.Lambda(lambda y, factor: y * factor + OFFSET, arguments=dict(factor=3))(x), 0),
    "operations": (lambda x: layers.BatchNormalization()(layers.Conv2D(3, 1)(keras.ops.relu(x * 2 - 9))), 0),
    "several layers in one": (lambda x: layers.Bidirectional(layers.GRU(3))(layers.Reshape((12, 36))(x / 255)), 0),
    "arguments by name": (by_name, 0),
    "seeds": (lambda x: layers.Dropout(0.5)(layers.RandomFlip()(layers.Conv2D(3, 1)(x))), 0),
    "one model inside, twice": (called_twice_inside, 0),
    "a sequential inside": (sequential_inside, 0),
    "two deep": (two_deep, 0),
    "dense": (lambda x: layers.BatchNormalization()(layers.Dense(3)(x)), 1),
}


@pytest.mark.parametrize("rewrite", [export.fold, export.fuse])
@pytest.mark.parametrize("name", WITH_STATE)
def test_all_state_goes_into_the_copy(name, rewrite):
    build, left = WITH_STATE[name]
    model = model_of(build)
    expected, before, norms = values(model, SMALL), model.get_weights(), kinds(model).count(layers.BatchNormalization)
    copied = rewrite(model)
    assert_same(values(copied, SMALL), expected)
    assert kinds(copied).count(layers.BatchNormalization) == (left if rewrite is export.fold else 0)
    assert kinds(copied).count(export.FusedBatchNormalization) == (0 if rewrite is export.fold else norms)
    for weight in copied.weights:  # nothing is shared
        weight.assign(weight + 1)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    np.testing.assert_array_equal(values(model, SMALL), expected)


@pytest.mark.parametrize("rewrite", [export.fold, export.fuse])
def test_a_sequential_model_is_rewritten(rewrite, recwarn):
    stack = [layers.Input((12, 12, 3)), layers.Normalization(), layers.Conv2D(4, 3), layers.BatchNormalization()]
    model = randomised(keras.Sequential(stack))
    copied = rewrite(model)
    assert_same(values(copied, SMALL), values(model, SMALL))
    assert layers.BatchNormalization not in kinds(copied)
    assert not [warning for warning in recwarn if warning.category is UserWarning]


APPLICATIONS = {  # batch norms that stay, because no convolution comes before them
    "MobileNetV2": 0,
    "MobileNetV3Small": 0,
    "EfficientNetB0": 0,
    "EfficientNetV2B0": 0,
    "ResNet50": 0,
    "DenseNet121": 62,
}


@pytest.mark.parametrize(
    "name", [n if n == "MobileNetV2" else pytest.param(n, marks=pytest.mark.slow) for n in APPLICATIONS]
)
def test_networks_of_keras_are_rewritten(name):
    options = dict(alpha=0.35) if name == "MobileNetV2" else {}
    model = getattr(keras.applications, name)(
        weights=None, input_shape=(96, 96, 3), pooling="avg", include_top=False, **options
    )
    randomised(model)
    x = RANDOM.uniform(0, 255, (2, 96, 96, 3)).astype("float32")
    expected, folded = values(model, x), export.fold(model)
    # random weights may magnify rounding: what the last bit of the pixels changes is no difference
    last_bit = np.abs(values(model, np.nextafter(x, np.float32(256))) - expected).max() / np.abs(expected).max()
    tolerance = max(1e-5, 2 * last_bit)
    assert tolerance < 1e-3
    assert_same(values(folded, x), expected, tolerance)
    assert kinds(folded).count(layers.BatchNormalization) == APPLICATIONS[name]
    assert_same(values(export.fuse(model), x), expected, tolerance)


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


def test_a_fused_network_is_saved_and_comes_back(tmp_path):
    model = model_of(called_twice_inside)
    export.save(export.fuse(model), tmp_path / "fused.keras")
    again = keras.saving.load_model(tmp_path / "fused.keras")
    assert kinds(again).count(export.FusedBatchNormalization) == 1
    assert_same(values(again, SMALL), values(model, SMALL))


def test_a_layer_of_two_models_inside_stays_one():
    norm = layers.BatchNormalization()
    ends = [layers.Input((12, 12, 3)) for _ in range(2)]
    first = keras.Model(ends[0], layers.ReLU()(norm(ends[0])))
    second = keras.Model(ends[1], norm(layers.Rescaling(0.5)(ends[1])))
    model = model_of(lambda x: layers.Concatenate()([first(x), second(x)]))
    fused = export.fuse(model)
    assert kinds(fused).count(export.FusedBatchNormalization) == 2 and len(fused.trainable_weights) == 2
    assert_same(values(fused, SMALL), values(model, SMALL))


def test_a_model_of_two_models_inside_stays_one():
    image = layers.Input((12, 12, 3))
    shared = keras.Model(image, layers.BatchNormalization()(image), name="shared")
    ends = [layers.Input((12, 12, 3)) for _ in range(2)]
    first = keras.Model(ends[0], layers.ReLU()(shared(ends[0])), name="first")
    second = keras.Model(ends[1], shared(layers.Rescaling(0.5)(ends[1])), name="second")
    model = model_of(lambda x: layers.Concatenate()([first(x), second(x)]))
    fused = export.fuse(model)
    one, other = (fused.get_layer(name).get_layer("shared") for name in ("first", "second"))
    assert one is other
    assert_same(values(fused, SMALL), values(model, SMALL))


def test_a_kernel_with_lora_is_not_folded():
    model = model_of(lambda x: layers.BatchNormalization()(layers.Conv2D(4, 3, name="conv")(x)))
    model.get_layer("conv").enable_lora(2)
    folded = export.fold(model)
    assert kinds(folded).count(layers.BatchNormalization) == 1
    assert_same(values(folded, SMALL), values(model, SMALL))


def test_batch_norm_with_another_rule_in_training_stays_as_it_is():
    image = layers.Input((8, 8, 3))
    try:
        norm = layers.BatchNormalization(renorm=True)
    except (TypeError, ValueError):
        pytest.skip("this Keras has no renorm")
    assert export.FusedBatchNormalization not in kinds(export.fuse(keras.Model(image, norm(image))))


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_fuse_leaves_norms_that_the_kernel_does_not_know(dtype):
    model = keras.Sequential([layers.Input((4, 4, 3)), layers.BatchNormalization(dtype=dtype)])
    assert export.fuse(model)(np.ones((2, 4, 4, 3), dtype)).shape == (2, 4, 4, 3)
