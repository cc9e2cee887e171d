"""Random odd arguments and damaged files: a right answer, or one line. Nothing here builds a network."""

import warnings

import numpy as np
import pytest
from PIL import Image

import atomic
import datasets
from architecture import B0, STAGES, VARIANTS, Baseline, Plan, Scale, Stage, compound_scale, plan

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis, see requirements-dev.txt")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

pytestmark = pytest.mark.extras  # .ci/run installs hypothesis for its second step only

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.fractions(),
    st.decimals(),
    st.complex_numbers(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.lists(st.integers(), max_size=3),
    st.tuples(st.floats(), st.floats()),
    st.sampled_from(
        [10**400, np.uint8(200), np.float16(2), np.int64(3), np.zeros((40, 2)), np.array(2), len, object()]
    ),
)
QUICK = settings(max_examples=100, deadline=None)


def answer(call, *arguments, **named):
    """What a call returns; None if it refuses in one line of bearable length, or an overflow was noticed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return call(*arguments, **named)
        except ValueError as error:
            assert "\n" not in str(error) and 0 < len(str(error)) < 700, str(error)


def assert_sound(network):
    """A Plan whose numbers are whole, above 0, and of Python's own kind, which cannot overflow."""
    assert isinstance(network, Plan) and network.macs > 0 and network.params > 0
    for conv in network.convs:
        assert {type(number) for number in (conv.inputs, conv.filters, conv.size, conv.kernel, conv.stride)} == {int}


@QUICK
@given(st.sampled_from(list(Stage.__dataclass_fields__)), ODD)
def test_a_stage(field, value):
    row = answer(Stage, **(vars(STAGES[1]) | {field: value}))
    if row and (network := answer(plan, Scale(1, 1, 32, baseline=Baseline(stages=(row,))))):
        assert_sound(network)


@QUICK
@given(st.sampled_from(list(Baseline.__dataclass_fields__)), ODD)
def test_a_baseline(field, value):
    base = answer(Baseline, **(vars(B0) | {field: value}))
    if base and (network := answer(plan, Scale(1, 1, 32, baseline=base))):
        assert_sound(network)


@QUICK
@given(st.sampled_from(list(Scale.__dataclass_fields__)), ODD)
def test_a_scale(field, value):
    scale = answer(Scale, **(vars(VARIANTS["b0"]) | {field: value}))
    if scale and (network := answer(plan, scale)):
        assert_sound(network)


@QUICK
@given(ODD, ODD, st.sampled_from(["phi", "alpha", "beta", "gamma"]))
def test_variants_classes_and_equation_3(variant, value, argument):
    assert answer(plan, variant) is None
    if network := answer(plan, "b0", value):
        assert_sound(network)
    answer(compound_scale, **({"phi": 1} | {argument: value}))


@QUICK
@given(st.binary(max_size=60), st.integers(0, 3000), st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"]))
def test_a_damaged_photo(tmp_path_factory, noise, place, kind):
    path = tmp_path_factory.mktemp("photos") / "photo"
    Image.effect_noise((40, 30), 50).save(path, kind)
    content = bytearray(path.read_bytes())
    content[place % len(content) :] = noise
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own, of odd metadata
        image = answer(datasets.rgb, path)
    assert image is None or image.mode == "RGB" and 0 not in image.size


@QUICK
@given(st.binary(max_size=80))
def test_any_bytes_as_a_table(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("tables") / "t.csv"
    path.write_bytes(content)
    rows = answer(atomic.read_rows, path)
    assert rows is None or isinstance(rows, list)
