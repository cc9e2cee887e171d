"""What lesson 00 says about the cat holds, beyond the one grey square and the one photo that it shows."""

import keras
import numpy as np
import pytest

from architecture import plan
from datasets import class_names, photo
from weights import pretrained

TIGER, EGYPTIAN = class_names().index("tiger cat"), class_names().index("Egyptian cat")


@pytest.fixture(scope="module")
def network():
    """A function of a photo: evidence (7, 7, 1000) and shares (1000,)."""
    model = pretrained("lite0")
    ends = [model.get_layer(name).output for name in ("top_activation", "predictions")]
    inside = keras.Model(model.input, ends)
    w, _ = model.get_layer("predictions").get_weights()

    def look(image):
        features, shares = inside.predict(image[None], verbose=0)
        return features[0] @ w, shares[0]

    return look


@pytest.fixture(scope="module")
def cat():
    return photo("chelsea", size=224)


def lead(shares):
    return shares[TIGER] / shares[EGYPTIAN]


def test_every_place_speaks_for_both_cats_and_most_for_the_winner(network, cat):
    evidence, _ = network(cat)
    assert evidence[..., TIGER].min() > 0 and evidence[..., EGYPTIAN].min() > 0
    difference = evidence[..., TIGER] - evidence[..., EGYPTIAN]
    assert (difference > 0).sum() > (difference < 0).sum()
    assert np.abs(difference).argmax() == difference.argmin() == 2 * 7 + 5, "the strongest is the loser's, at the eye"
    two_at_the_eye = evidence[2:4, 5, TIGER]
    assert (two_at_the_eye > evidence[..., TIGER].mean()).all()


def test_the_brightest_places(network):
    brightest = {"chelsea": ("tiger cat", (3, 1)), "coffee": ("espresso", (2, 3)), "camera": ("tripod", (5, 3))}
    for file, (name, place) in brightest.items():
        evidence, _ = network(photo(file, size=224))
        heat = evidence[..., class_names().index(name)]
        assert np.unravel_index(heat.argmax(), heat.shape) == place


@pytest.mark.parametrize("colour", ["grey", "black", "white", "mean"])
def test_the_lead_grows_when_the_eye_is_covered(network, cat, colour):
    covered = cat.copy()
    covered[64:128, 160:224] = {"grey": 128, "black": 0, "white": 255, "mean": cat.mean((0, 1))}[colour]
    _, before = network(cat)
    _, after = network(covered)
    assert lead(after) > 1.2 * lead(before)
    if colour == "grey":
        told = [(round(float(row[TIGER]), 2), round(float(row[EGYPTIAN]), 2)) for row in (before, after)]
        assert told == [(0.41, 0.34), (0.51, 0.26)]


def test_in_the_mirror_it_is_the_same_eye(network, cat):
    evidence, shares = network(cat[:, ::-1])
    difference = evidence[..., TIGER] - evidence[..., EGYPTIAN]
    assert np.unravel_index(difference.argmin(), (7, 7)) == (2, 1) and lead(shares) > 1


def test_the_images_of_b7_have_72_times_the_pixels_of_b0():
    assert round((plan("b7").scale.resolution / plan("b0").scale.resolution) ** 2, 1) == 7.2
