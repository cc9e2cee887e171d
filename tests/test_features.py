"""The frozen part, computed once: the same answers and the same trained weights as through the whole network."""

import keras
import numpy as np
import pytest
from keras import layers

import features
from architecture import EfficientNet
from small_models import IMAGES, TINY, assert_same, begin_anew, randomised, values


@pytest.fixture
def network():
    begin_anew()
    return randomised(EfficientNet(TINY, classes=7))


CUT = "block5a_project_bn"


def test_the_two_parts_make_the_whole(network):
    lower, upper = features.cut(network, CUT)
    both = features.views(lower, IMAGES, batch=3)
    assert both.shape[:2] == (2, len(IMAGES))
    assert_same(values(upper, both[0]), values(network))
    assert_same(values(upper, both[1]), values(network, IMAGES[:, :, ::-1]))


def test_training_on_maps_is_training_the_whole_with_its_beginning_frozen(network):
    names = [layer.name for layer in network.layers]
    for layer in network.layers:
        norm_or_noise = isinstance(layer, (layers.BatchNormalization, layers.Dropout))
        layer.trainable = names.index(layer.name) > names.index(CUT) and not norm_or_noise
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0
    before, labels = network.get_weights(), np.arange(len(IMAGES))
    lower, upper = features.cut(network, CUT)
    maps, trained = lower(IMAGES), []
    for model, inputs in ((network, IMAGES), (upper, maps)):
        network.set_weights(before)
        model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", jit_compile=False)
        for _ in range(3):
            model.train_on_batch(inputs, labels)
        trained.append(upper.get_weights())
    for one, other in zip(*trained, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    assert any(np.abs(a - b).max() > 1e-4 for a, b in zip(before, network.get_weights()))


def test_a_frozen_part_does_not_follow_later_training(network):
    lower, _ = features.cut(network, CUT)
    before = lower(IMAGES)
    network.get_layer("stem_conv").set_weights([0 * w for w in network.get_layer("stem_conv").get_weights()])
    np.testing.assert_array_equal(lower(IMAGES), before)


def test_no_more_images_at_a_time_than_memory_holds():
    sizes, images = [], np.zeros((40, 2, 2, 3))
    assert features.views(lambda part: sizes.append(len(part)) or part, images).shape == (2, 40, 2, 2, 3)
    assert sizes == [32, 32, 8, 8]


@pytest.mark.parametrize(
    ("layer", "words"),
    [("block9z", "layer is 'block9z'; allowed: the name"), ("block1a_se_squeeze", "allowed: a layer that no path")],
)
def test_a_layer_that_does_not_cut_is_refused(network, layer, words):
    with pytest.raises(ValueError, match=words) as caught:
        features.cut(network, layer)
    assert "\n" not in str(caught.value)


def test_a_model_inside_is_no_layer_to_cut_behind(network):
    image = keras.Input(network.input.shape[1:])
    whole = keras.Model(image, layers.ReLU()(network(image)))
    with pytest.raises(ValueError, match=f"layer is '{network.name}'; allowed: a layer, not a model inside"):
        features.cut(whole, network.name)
