"""Dense against depthwise: the networks are what they claim, the rows agree with the code."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from datasets import measured
from experiments import depthwise
from walk import walk_macs


@pytest.mark.parametrize("network", depthwise.NETWORKS)
def test_the_depthwise_networks_are_what_they_claim(network):
    model, paper = depthwise.build(network), depthwise.convs(network, depthwise.width_of(network))
    assert walk_macs(model) == sum(conv.macs for conv in paper)
    spatial = [layer for layer in model.layers if getattr(layer, "kernel_size", None) == (3, 3)]
    assert len(spatial) == 4  # equal depth
    assert sum(isinstance(layer, keras.layers.DepthwiseConv2D) for layer in spatial) == (0 if network == "dense" else 3)


def test_the_widened_network_costs_what_the_dense_one_does():
    macs = {network: depthwise.macs(network, depthwise.width_of(network)) for network in depthwise.NETWORKS}
    assert macs["separable, widened"] == pytest.approx(macs["dense"], rel=0.05)
    assert macs["separable"] < 0.4 * macs["dense"]
    assert depthwise.width_of("separable") == depthwise.width_of("dense")


def test_the_recorded_rows_are_complete_and_agree_with_the_script():
    rows = measured("depthwise")
    runs = list(itertools.product(depthwise.EPOCHS, depthwise.SEEDS, depthwise.NETWORKS))
    assert [(row["epochs"], row["seed"], row["network"]) for row in rows] == runs  # lesson 01 pairs them by place
    for row in rows:
        width = depthwise.width_of(row["network"])
        assert (row["width"], row["macs"]) == (width, depthwise.macs(row["network"], width))
        assert row["epochs"] == len(row["curve"].split()) and row["top1"] == float(row["curve"].split()[-1])
        assert 10 < row["top1"] < 100


def test_a_row_has_what_the_table_has():
    x = np.random.default_rng(0).integers(0, 255, (256, 32, 32, 3)).astype("uint8")
    data = (x, np.arange(256) % 10), (x[:20], np.arange(20) % 10)
    tf.config.run_functions_eagerly(True)  # to trace a graph takes longer than two steps
    row, recorded = depthwise.run("separable", 1, 0, data), measured("depthwise")[1]
    assert [name for name in recorded if name in row] == list(row) and len(row["curve"].split()) == 1
    assert (row["width"], row["params"], row["macs"]) == (recorded["width"], recorded["params"], recorded["macs"])
    tf.config.run_functions_eagerly(False)
    keras.utils.clear_session()
