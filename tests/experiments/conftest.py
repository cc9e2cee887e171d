"""What tests of several experiments share."""

import keras
import pytest
import tensorflow as tf


@pytest.fixture
def eager():
    """Without graphs: for a few steps, tracing them takes far longer than taking them."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
    keras.utils.clear_session()
