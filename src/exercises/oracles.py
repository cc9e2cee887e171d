"""What oracles of several lessons need: a block of the plan for any arguments, and one built as a learner builds it."""

from unittest.mock import patch

import keras

import architecture
from architecture import Baseline, Scale, Stage, plan
from fresh_layers import biased


def block_on_paper(inputs, expand, size=16, stride=1, filters=None, kernel=3, ratio=0.25):
    """The plan's MBConv block for any arguments, from a network of one block."""
    stage = Stage(expand=expand, kernel=kernel, stride=stride, filters=filters or inputs, repeats=1)
    baseline = Baseline(stages=(stage,), stem_filters=inputs, stem_stride=1, se_ratio=ratio, divisor=1)
    return plan(Scale(1.0, 1.0, size, baseline=baseline)).blocks[0]


def built(make, x, block):
    """What `make`, a function of architecture, makes of x, with Keras's usual initial weights, as a learner's have."""
    keras.utils.set_random_seed(0)
    with patch.object(architecture, "CONV_INIT", "glorot_uniform"), biased():
        return make(x, block)
