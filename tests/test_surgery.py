"""Surgery: gates and batch norm statistics, against NumPy, a network without gates, and a theorem."""

import keras
import numpy as np
import pytest
from keras import layers

import surgery
from architecture import Baseline, EfficientNet, Scale, Stage
from datasets import cifar10

STAGES = (Stage(3, 3, 2, 8, 2), Stage(3, 3, 1, 12, 1))
RANDOM = np.random.default_rng(0)
IMAGES = cifar10()[0][0][:40]


def small(**changes):
    return Scale(1.0, 1.0, 32, 0.2, Baseline(stages=STAGES, stem_filters=8, top_filters=16, divisor=1, **changes))


@pytest.fixture(scope="module")
def model():
    """Random, with gates that differ from image to image and statistics that are not 0 and 1."""
    keras.utils.set_random_seed(0)
    model = EfficientNet(small(), classes=5)
    for layer in model.layers:
        if layer.name.endswith("se_expand"):
            layer.set_weights([20 * value for value in layer.get_weights()])
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([RANDOM.uniform(0.5, 1.5, value.shape) for value in layer.get_weights()])
    return model


def answers(model, images=IMAGES):
    return np.asarray(model(images, training=False))


def test_the_gates_are_those_of_the_formula(model):
    found = surgery.gates(model, IMAGES)
    assert list(found) == ["block1a", "block1b", "block2a"]
    for block, values in found.items():
        y = keras.Model(model.input, model.get_layer(f"{block}_activation").output).predict_on_batch(IMAGES)
        (w1, b1), (w2, b2) = (model.get_layer(f"{block}_se_{part}").get_weights() for part in ("reduce", "expand"))
        narrow = y.mean((1, 2)) @ w1[0, 0] + b1
        logits = narrow / (1 + np.exp(-narrow)) @ w2[0, 0] + b2
        np.testing.assert_allclose(values, 1 / (1 + np.exp(-logits)), atol=1e-4)
        assert values.std(0).max() > 0.01


def test_a_network_without_gates_is_refused_in_one_line():
    model = EfficientNet("lite0", include_top=False)
    with pytest.raises(ValueError, match="model is .*; allowed: a network with squeeze-and-excitation, as b0") as error:
        surgery.gates(model, np.zeros((1, 224, 224, 3)))
    assert "\n" not in str(error.value)


def test_gates_of_one_are_no_gates(model):
    bare = EfficientNet(small(se_ratio=0), classes=5)
    for layer in bare.layers:
        layer.set_weights(model.get_layer(layer.name).get_weights())
    np.testing.assert_allclose(answers(surgery.with_gates(model, surgery.one)), answers(bare), atol=1e-6)


def test_own_gates_change_nothing_and_fixed_ones_are_fixed(model):
    np.testing.assert_allclose(answers(surgery.with_gates(model, surgery.own)), answers(model), atol=1e-6)
    mine = {block: values[0] for block, values in surgery.gates(model, IMAGES[:1]).items()}
    copy = surgery.with_gates(model, surgery.fixed(mine))
    np.testing.assert_allclose(answers(copy)[0], answers(model)[0], atol=1e-5)
    assert np.abs(answers(copy)[1:] - answers(model)[1:]).max() > 1e-4


def test_each_image_gets_the_gates_of_the_next(model):
    other = surgery.with_gates(model, surgery.of_next_image)
    y, gate = keras.Model(model.input, model.get_layer("block1a_se_excite").input).predict_on_batch(IMAGES)
    got = keras.Model(other.input, other.get_layer("block1a_se_excite").output).predict_on_batch(IMAGES)
    np.testing.assert_allclose(got, y * np.concatenate([gate[1:], gate[:1]]), rtol=1e-4, atol=1e-5)


def test_the_statistics_are_those_of_numpy():
    """Two normalizations in a row: the second sees what the first makes of the batch with its new statistics."""
    image = layers.Input((4, 4, 3))
    first = layers.BatchNormalization(name="first", momentum=0.7, trainable=False)
    x = layers.Dropout(0.9)(first(layers.Conv2D(5, 1, name="a")(image)))
    second = layers.BatchNormalization(name="second")
    model = keras.Model(image, second(layers.Conv2D(2, 1, name="b")(layers.ReLU()(x))))
    images, kept = RANDOM.normal(size=(30, 4, 4, 3)).astype("float32"), model.get_weights()
    (a, a_bias), (b, b_bias) = (model.get_layer(name).get_weights() for name in "ab")
    found = [[], [], [], []]
    for part in np.split(images, 3):
        y = part @ a[0, 0] + a_bias
        mean, variance = y.mean((0, 1, 2)), y.var((0, 1, 2))
        z = np.maximum((y - mean) / np.sqrt(variance + first.epsilon), 0) @ b[0, 0] + b_bias
        for values, each in zip(found, (mean, variance, z.mean((0, 1, 2)), z.var((0, 1, 2)))):
            values.append(each)
    copy = surgery.recalibrated(model, images, batch=10)
    stored = [*copy.get_layer("first").get_weights()[2:], *copy.get_layer("second").get_weights()[2:]]
    for expected, value in zip(found, stored):
        np.testing.assert_allclose(value, np.mean(expected, axis=0), rtol=1e-4, atol=1e-5)
    assert copy.get_layer("first").momentum == 0.7 and not copy.get_layer("first").trainable
    for before, after in zip(kept, model.get_weights()):
        np.testing.assert_array_equal(before, after)


def test_with_fresh_statistics_a_gate_that_is_the_same_everywhere_does_nothing(model):
    """One factor for all channels, before a linear layer and a batch norm: gone, up to epsilon."""
    gate = np.full((2, 1, 1, 3), 0.3)
    assert np.all(surgery.half("block1a", gate) == 0.5) and np.all(surgery.one("block1a", gate) == 1)
    stale = [surgery.with_gates(model, rule) for rule in (surgery.half, surgery.one)]
    fresh = [surgery.recalibrated(copy, IMAGES) for copy in stale]
    assert np.abs(answers(stale[0]) - answers(stale[1])).max() > 0.01
    np.testing.assert_allclose(answers(fresh[0]), answers(fresh[1]), atol=0.01)


def test_a_network_inside_another_is_refused_not_left_as_it_is():
    image = layers.Input((32, 32, 3))
    outer = keras.Model(image, EfficientNet(Scale(0.25, 0.5, 32), classes=3)(image))
    for rewrite in (surgery.of_batches, lambda model: surgery.with_gates(model, surgery.half)):
        with pytest.raises(ValueError, match="inside"):
            rewrite(outer)
