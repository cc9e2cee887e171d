"""Order, augmentation and learning rate: each follows from seed and epoch, and does what its name says."""

import numpy as np
import pytest

import recipe

IMAGES = np.random.default_rng(0).integers(1, 256, (6, 7, 5, 3)).astype("uint8")


def test_each_image_is_seen_once_and_the_order_follows_from_seed_and_epoch():
    order, mirrored = recipe.epoch_order(seed=1, epoch=2, images=50, batch=8)
    assert order.shape == mirrored.shape == (6, 8) and len(set(order.ravel())) == 48
    again = recipe.epoch_order(1, 2, 50, 8)
    assert np.array_equal(again[0], order) and np.array_equal(again[1], mirrored)
    for other in (recipe.epoch_order(1, 3, 50, 8), recipe.epoch_order(2, 2, 50, 8)):
        assert (other[0] != order).any() and (other[1] != mirrored).any()


def test_half_of_the_images_are_mirrored():
    _, mirrored = recipe.epoch_order(0, 0, 10_000, 100)
    assert 0.48 < mirrored.mean() < 0.52


def test_mirroring_turns_left_and_right_of_the_chosen_and_copies():
    before, chosen = IMAGES.copy(), np.array([True, False] * 3)
    found = recipe.mirror(IMAGES, chosen)
    assert np.array_equal(found[::2], np.flip(IMAGES[::2], axis=2))
    assert np.array_equal(found[1::2], IMAGES[1::2]) and np.array_equal(IMAGES, before)


def test_shifts_move_by_whole_pixels_and_fill_with_zeros():
    offsets = np.array([(0, 0), (2, 0), (-1, 0), (0, 3), (0, -2), (1, -1)])
    found = recipe.shift(IMAGES, offsets)
    assert found.dtype == IMAGES.dtype and found.shape == IMAGES.shape
    for image, moved, (down, right) in zip(IMAGES, found, offsets):
        for row in range(7):
            for column in range(5):
                inside = 0 <= row - down < 7 and 0 <= column - right < 5
                expected = image[row - down, column - right] if inside else 0
                assert np.all(moved[row, column] == expected)


def test_no_images_are_shifted_to_no_images():
    assert recipe.shift(IMAGES[:0], np.zeros((0, 2), int)).shape == (0, 7, 5, 3)


def test_the_learning_rate_rises_in_a_line_and_falls_in_a_cosine_to_zero():
    rates = [float(recipe.schedule(0.4, 500, 100)(step)) for step in (0, 50, 100, 300, 500)]
    np.testing.assert_allclose(rates, [0, 0.2, 0.4, 0.2, 0], atol=1e-6)
    assert float(recipe.schedule(0.4, 100)(0)) == pytest.approx(0.4)
    assert float(recipe.schedule(0.4, 100)(25)) == pytest.approx(0.4 * (1 + np.cos(np.pi / 4)) / 2)


def test_the_bar_says_how_far_it_is_and_how_long_it_takes(monkeypatch, capsys):
    monkeypatch.setattr(recipe.time, "perf_counter", lambda: 130.0)
    recipe.progress("net", 100.0, 0.25)
    assert capsys.readouterr().out == f"\r{'[#####...............] net  30 s, 90 s left':<100}"
    recipe.progress("net", 100.0, 0.9)
    assert capsys.readouterr().out == f"\r{'[##################..] net  30 s, 3 s left':<100}"
    recipe.progress("net", 130.0, 0)
    assert capsys.readouterr().out == f"\r{'[....................] net  0 s, ? s left':<100}"
