"""The loop of the experiments: what it shows a model, and what it returns; a run follows from its seed."""

import keras
import numpy as np

from experiments import loop


class Recorder:
    """Stands in for a model and keeps what it is trained on. It says class 0 always, and that training gets better."""

    layers = ()

    def __init__(self):
        self.batches = []

    def reset_metrics(self):
        pass

    def train_on_batch(self, x, y, return_dict):
        self.batches.append((x, y))
        return dict(accuracy=len(self.batches) / 16)

    def predict_on_batch(self, x):
        return np.eye(10)[np.zeros(len(x), int)]


def bright(n):
    """Images whose brightness is their number, the right half brighter by a half; labels are the numbers."""
    x = np.arange(n, dtype="float32")[:, None, None, None] + np.zeros((1, 2, 2, 1), "float32")
    x[:, :, 1] += 0.5
    return x, np.arange(n)


def test_each_epoch_sees_each_image_once_half_of_them_mirrored():
    (x, y), before, model = bright(256), bright(256)[0], Recorder()
    found = loop.train(model, loop.images_of(x), y, (x, y), 2, seed=0, batch=32, label="a run")
    assert np.array_equal(x, before)
    assert found["train_curve"] == [28.125, 78.125]  # means over the eight batches of an epoch
    assert found["curve"] == [100 / 256] * 2
    assert len(model.batches) == 16
    for batches in (model.batches[:8], model.batches[8:]):
        images, labels = (np.concatenate(part) for part in zip(*batches))
        assert sorted(labels) == list(range(256)) and labels.tolist() != list(range(256))
        assert np.array_equal(images.min(axis=(1, 2, 3)), labels)  # an image keeps its label
        assert 90 < (images[:, 0, 0, 0] > images[:, 0, 1, 0]).sum() < 166
    assert model.batches[0][1].tolist() != model.batches[8][1].tolist()
    other = Recorder()
    loop.train(other, loop.images_of(x), y, (x, y), 1, seed=1, batch=32, label="another")
    assert other.batches[0][1].tolist() != model.batches[0][1].tolist()


def test_a_batch_that_is_not_full_is_left_out():
    (x, y), model = bright(70), Recorder()
    loop.train(model, loop.images_of(x), y, (x, y), 1, seed=0, batch=32, label="a run")
    assert [len(labels) for _, labels in model.batches] == [32, 32]


def test_what_a_table_gets_of_a_run():
    found = dict(curve=[10, 50.126], train_curve=[20, 99.999], seconds=1.26)
    assert loop.measures(found) == dict(top1=50.13, train_top1=100.0, curve="10.00 50.13", seconds=1.3)


def test_parts_come_back_in_order_and_are_small():
    sizes = []
    found = loop.in_parts(lambda part: sizes.append(len(part)) or 2 * part, np.arange(10), 4)
    assert found.tolist() == list(range(0, 20, 2)) and max(sizes) <= 4


def small():
    """A network with batch norm and dropout for images of 8 x 8 pixels."""
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, 2)(image)
    x = keras.layers.Dropout(0.3)(keras.layers.BatchNormalization()(x))
    x = keras.layers.Dense(10, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, x)


def test_a_model_that_is_used_again_starts_anew(eager):
    random = np.random.default_rng(0)
    x, y = random.uniform(0, 1, (64, 8, 8, 3)).astype("float32"), np.arange(64) % 10
    rate = keras.optimizers.schedules.CosineDecay(0.01, 8)
    model = loop.compile_for(small(), keras.optimizers.Adam(rate), norm_momentum=0.8)
    assert [layer.momentum for layer in model.layers if hasattr(layer, "moving_mean")] == [0.8]
    start, ends = [value.copy() for value in model.get_weights()], []
    for seed in (3, 3, 4):  # neither weights nor Adam's moments nor dropout's state are left
        loop.restart(model, start)
        assert int(model.optimizer.iterations) == 0
        loop.train(model, loop.images_of(x), y, (x, y), 2, seed, batch=16, label="a run")
        assert int(model.optimizer.iterations) == 8
        ends.append(np.concatenate([value.ravel() for value in model.get_weights()]))
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-5, atol=1e-7)
    assert np.abs(ends[0] - ends[2]).max() > 1e-3


def test_a_guess_is_the_most_likely_class(eager):
    model = loop.compile_for(small(), "sgd")
    x = np.random.default_rng(0).uniform(0, 1, (130, 8, 8, 3)).astype("float32")  # more than one batch
    expected = np.asarray(model(x, training=False)).argmax(-1)
    assert loop.guess(model, x).tolist() == expected.tolist()


def test_images_are_shrunk_by_averaging_and_never_enlarged():
    x = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1)).astype("uint8")
    smaller = loop.shrink(x, 14)
    assert smaller.shape == (20, 14, 14, 1) and smaller.dtype == np.uint8
    assert np.abs(smaller.mean(axis=(1, 2, 3)) - x.mean(axis=(1, 2, 3))).max() < 3
    assert smaller.std() < 0.7 * x.std()  # picking every other pixel would keep the noise
    assert np.array_equal(loop.shrink(x, 28), x)
