"""What lessons claim in words and headlines holds for the plan and the tables: a row that changes it fails here."""

import numpy as np
import pytest

from architecture import Conv, plan
from datasets import DATA, measured, published


def rival(block):
    """The dense convolution with the kernel, the stride, the input and the output of an MBConv block."""
    first = block.expand or block.depthwise
    kernel, stride = block.depthwise.kernel, block.depthwise.stride
    return Conv("rival", first.inputs, block.project.filters, first.size, kernel, stride)


def test_01_mbconv_costs_more_than_a_plain_convolution_where_it_widens_and_has_3x3_kernels():
    blocks = plan("b0").blocks
    dearer = {block.name for block in blocks if block.macs > rival(block).macs}
    assert dearer == {block.name for block in blocks if block.expand and block.depthwise.kernel == 3}
    rest = plan("b0").macs - sum(block.macs for block in blocks)
    assert rest + sum(rival(block).macs for block in blocks) == 551_234_048


@pytest.mark.parametrize("kernel, channels", [(3, 24), (5, 40), (3, 320), (5, 112)])
def test_01_the_law_of_mbconv(kernel, channels):
    wide = 6 * channels
    block = [Conv("expand", channels, wide, 14), Conv("dw", wide, wide, 14, kernel, depthwise=True)]
    block.append(Conv("project", wide, channels, 14))
    plain = Conv("plain", channels, channels, 14, kernel)
    assert sum(conv.macs for conv in block) / plain.macs == pytest.approx(12 / kernel**2 + 6 / channels)


def test_01_a_stride_of_two_makes_mbconv_dearer_than_the_law_says_and_a_growing_width_cheaper():
    for block in plan("b0").blocks[1:]:
        inputs, outputs, kernel = block.expand.inputs, block.project.filters, block.depthwise.kernel
        law = [12 / kernel**2 + 6 / channels for channels in (inputs, outputs)]
        convs = block.expand.macs + block.depthwise.macs + block.project.macs  # without squeeze-and-excitation
        ratio = convs / rival(block).macs
        if block.depthwise.stride == 2:
            assert ratio > max(law), block.name
        elif outputs > inputs:
            assert ratio < min(law), block.name
        else:
            assert ratio == pytest.approx(law[0]), block.name


def test_01_mixing_first_is_closer_to_the_stem_of_lite0_and_fits_green_best_which_is_largest():
    with np.load(DATA / "lite0.npz") as weights:
        stem = weights["stem_conv/kernel"].astype("float64")  # (3, 3, colours, filters)

    def closest(table):
        u, s, vt = np.linalg.svd(table, full_matrices=False)
        return s[0] * np.outer(u[:, 0], vt[0])

    mixed = [closest(stem[..., f].reshape(9, 3)).reshape(3, 3, 3) for f in range(32)]
    size = np.sqrt((stem**2).sum((0, 1, 3)))
    errors = np.sqrt(((stem - np.stack(mixed, axis=-1)) ** 2).sum((0, 1, 3))) / size
    assert errors.argmin() == size.argmax() == 1, "green"


def test_01_no_layer_passes_the_roof_and_depthwise_is_far_from_the_ceiling():
    for row in measured("latency_blocks"):
        if row["macs"]:
            speed = row["macs"] / row["ms_median"] / 1e6  # billion MACs a second
            roof = min(row["peak_gmacs_s"], row["copy_gb_s"] * row["macs"] / row["bytes"])
            assert speed <= 1.05 * roof, row
            assert row["kind"] != "depthwise" or speed < row["peak_gmacs_s"] / 2, row


def test_01_depthwise_takes_a_far_larger_share_of_time_than_of_macs():
    rows = [row for row in measured("latency_blocks") if row["batch"] == 16]
    convs = [row for row in rows if row["kind"] in ("stem", "depthwise", "expand", "project", "top")]
    for unit, low, high in (("macs", 0.08, 0.10), ("ms_median", 0.24, 0.35)):
        depthwise = sum(row["count"] * row[unit] for row in convs if row["kind"] == "depthwise")
        assert low < depthwise / sum(row["count"] * row[unit] for row in convs) < high


def test_09_fused_mbconv_has_more_macs_and_trains_faster():
    plain, fused = published("effnetv2_fused_mbconv")[:2]
    assert fused["macs_B"] / plain["macs_B"] == pytest.approx(1.67, abs=0.01)
    assert fused["v100_imgs_s_gpu"] / plain["v100_imgs_s_gpu"] == pytest.approx(1.4, abs=0.05)
    assert fused["top1"] > plain["top1"]


def test_03_every_version_prints_the_macs_that_its_first_table_contradicts():
    printed = {
        row["arxiv_version"]: row["macs_B"] for row in published("table2_imagenet") if row["model"][-3:] == "-B0"
    }
    assert printed == dict.fromkeys(["v1", "v3", "v5"], 0.39)


def test_03_expand_and_project_have_84_percent_of_a_blocks_macs_and_the_gates_768():
    first, second = plan("b0").blocks[1:3]
    assert round(100 * (second.expand.macs + second.project.macs) / second.macs) == 84
    assert (first.se_reduce.macs + first.se_expand.macs, round(first.macs / 1e6)) == (768, 29)


def test_03_mixes_of_blocks_are_two_points_better_than_one_kind_in_the_same_time():
    rows = published("mnasnet")
    single = [row for row in rows if row["model"].endswith(" only")]
    mixes = [row for row in rows if row["model"] in ("MnasNet-A1", "MnasNet-B1 (no SE)")]
    for mix in mixes:
        rivals = [row["top1"] for row in single if row["pixel1_ms"] <= mix["pixel1_ms"] + 1]
        assert mix["top1"] - max(rivals) >= 1.99, mix["model"]
    assert len(single) == 4 and len(mixes) == 2


def test_03_the_last_block_that_can_be_dropped_has_a_rate_of_0175():
    rates = [block.drop_rate for block in plan("b0").blocks if block.skip]
    assert len(rates) == 9 and max(rates) == pytest.approx(0.175)
