"""What lesson 00 says about the cat holds, beyond the one grey square and the one photo that it shows."""

import keras
import numpy as np
import pytest

from architecture import plan
from datasets import class_names, photo
from weights import pretrained

TIGER, EGYPTIAN = class_names().index("tiger cat"), class_names().index("Egyptian cat")


@pytest.fixture(scope="module")
def look_at():
    """A function of photos (n, 224, 224, 3): evidence (n, 7, 7, 1000) and shares (n, 1000)."""
    model = pretrained("lite0")
    ends = [model.get_layer(name).output for name in ("top_activation", "predictions")]
    inside = keras.Model(model.input, ends)
    w, _ = model.get_layer("predictions").get_weights()

    def look(images):
        features, shares = inside.predict(np.asarray(images), verbose=0)
        return features @ w, shares

    return look


@pytest.fixture(scope="module")
def network(look_at):
    """The same of one photo: evidence (7, 7, 1000) and shares (1000,)."""

    def look(image):
        (evidence,), (shares,) = look_at([image])
        return evidence, shares

    return look


@pytest.fixture(scope="module")
def cat():
    return photo("chelsea", size=224)


def cover(cat, row, column, colour):
    """The cat with a square over 2 x 2 places, the first of them at this row and column."""
    covered = cat.copy()
    colour = {"grey": 128, "black": 0, "white": 255, "mean": cat.mean((0, 1))}[colour]
    covered[32 * row : 32 * row + 64, 32 * column : 32 * column + 64] = colour
    return covered


def lead(shares):
    return shares[..., TIGER] / shares[..., EGYPTIAN]


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
    _, before = network(cat)
    _, after = network(cover(cat, 2, 5, colour))
    assert lead(after) > 1.2 * lead(before)
    if colour == "grey":
        told = [(round(float(row[TIGER]), 2), round(float(row[EGYPTIAN]), 2)) for row in (before, after)]
        assert told == [(0.41, 0.34), (0.51, 0.26)]


@pytest.mark.parametrize("colour", ["grey", "black", "white", "mean"])
def test_the_mouth_turns_the_answer_over(network, cat, colour):
    _, after = network(cover(cat, 5, 4, colour))
    assert lead(after) < 1
    if colour == "grey":
        assert (round(float(after[TIGER]), 2), round(float(after[EGYPTIAN]), 2)) == (0.34, 0.43)


@pytest.mark.parametrize(("colour", "right"), [("grey", 19), ("black", 23), ("white", 22), ("mean", 21)])
def test_eye_and_mouth_are_the_extremes_and_elsewhere_the_map_is_near_a_coin(look_at, network, cat, colour, right):
    evidence, before = network(cat)
    difference, places = evidence[..., TIGER] - evidence[..., EGYPTIAN], list(np.ndindex(6, 6))
    _, after = look_at([cover(cat, row, column, colour) for row, column in places])
    gains = dict(zip(places, np.log(lead(after) / lead(before))))
    sums = {(row, column): difference[row : row + 2, column : column + 2].sum() for row, column in places}
    assert min(sums, key=sums.get) == (2, 5) and max(sums, key=sums.get) == (5, 4)
    assert 0 < np.log(lead(before)) - sums[5, 4] / 49 < 0.05, "by the map alone tiger cat would still lead, by a hair"
    found = sum(sums[place] * gains[place] < 0 for place in places)
    assert abs(found - right) <= 2 and 15 <= found <= 25
    if colour == "grey":
        other_eye = (1, 1)
        assert found <= 22 and sums[other_eye] > 0 and gains[other_eye] > 0.2, "it gains, in grey"


@pytest.mark.parametrize("colour", ["black", "white", "mean"])
def test_in_other_colours_the_other_eye_does_what_the_map_says(network, cat, colour):
    _, after = network(cover(cat, 1, 1, colour))
    assert lead(after) < 1


def test_in_the_mirror_it_is_the_same_eye(network, cat):
    evidence, shares = network(cat[:, ::-1])
    difference = evidence[..., TIGER] - evidence[..., EGYPTIAN]
    assert np.unravel_index(difference.argmin(), (7, 7)) == (2, 1) and lead(shares) > 1


def test_the_images_of_b7_have_72_times_the_pixels_of_b0():
    assert round((plan("b7").scale.resolution / plan("b0").scale.resolution) ** 2, 1) == 7.2
