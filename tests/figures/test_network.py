"""Drawings show the numbers of the plan, slab by slab, and nothing overlaps."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest

from architecture import Scale, compound_scale, plan
from figures import network as drawing
from figures.style import COLORS, short
from picture_layout import check_layout, contrast, texts, words

BLOCKS = [(name, block) for name in ("b0", "lite0") for block in plan(name).blocks if block.stage != 7]
BLOCKS += [("b7", plan("b7").blocks[i]) for i in (0, 4, 11, 18, 38, 51, 54)]


# ---------------------------------------------------------------- a block


@pytest.mark.parametrize("variant, block", BLOCKS, ids=[f"{variant}-{block.name}" for variant, block in BLOCKS])
def test_block_shows_its_plan_and_nothing_overlaps(variant, block):
    fig = drawing.draw_block(block)
    shown = words(fig)
    for conv in (block.expand, block.depthwise, block.project):
        if conv:
            assert f"{conv.output_size}×{conv.output_size}×{conv.filters}" in shown
            assert f"{short(conv.macs)} MACs\n{short(conv.params)} params" in shown
    assert ("expand" in shown) == bool(block.expand)
    assert ("squeeze-and-excitation" in shown) == bool(block.se_reduce)
    if block.se_reduce:
        assert f"{block.se_reduce.inputs} → {block.se_reduce.filters} → {block.se_reduce.inputs}" in shown
        gates = [block.se_reduce, block.se_expand]
        macs, params = sum(conv.macs for conv in gates), sum(conv.params for conv in gates)
        assert f"{short(macs)} MACs · {short(params)} params" in shown
    assert ("no skip" in shown) == (not block.skip)
    assert ("stride 2" in shown) == (block.depthwise.stride == 2)
    check_layout(fig)


def test_block2b_in_numbers():
    shown = words(drawing.draw_block(plan("b0").blocks[2]))
    for text in (
        "block2b", "MBConv6, 3×3, stage 3 of Table 1", "56×56×24", "56×56×144", "3×3 depthwise", "144 → 6 → 144",
        "10.8 M MACs", "expand 42 %", "dropped for 2.5 % of the images",
    ):  # fmt: skip
        assert text in shown


def test_a_block_may_have_a_finding_for_a_headline():
    fig = drawing.draw_block(plan("b0").blocks[2], "Expand and project have 84 % of the MACs")
    assert {"Expand and project have 84 % of the MACs", "block2b in stage 3: MBConv6, 3×3"} <= set(
        words(fig).splitlines()
    )
    check_layout(fig)


def test_reasons_for_no_skip():
    first, second, third = (words(drawing.draw_block(block)) for block in plan("b0").blocks[:3])
    assert "no skip connection: 32 → 16 channels" in first and "MBConv1, 3×3" in first
    assert "no skip" not in words(drawing.draw_block(plan("b0").blocks[0], "A headline that tells something else"))
    assert "no skip connection: stride 2, 16 → 24 channels" in second
    assert "skip connection · in training" in third


def test_bars_of_a_block_are_its_shares_and_legible():
    block = plan("b0").blocks[2]
    ax = drawing.draw_block(block).axes[1]
    macs = [conv.macs for conv in (block.expand, block.depthwise, block.project)]
    macs.insert(2, block.se_reduce.macs + block.se_expand.macs)
    assert [bar.get_width() for bar in ax.patches[:4]] == pytest.approx(100 * np.array(macs) / sum(macs))
    for text in [text for text in ax.texts if text.get_text().endswith("%")]:
        under = [bar for bar in ax.patches if bar.get_bbox().contains(*text.get_position())]
        assert contrast(text.get_color(), under[-1].get_facecolor()) >= 4.5, text.get_text()


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("variant", ["b0", "b4", "b7", "lite0", Scale(1.3, 0.5, 100)])
def test_network_shows_its_stages(variant):
    fig, network = drawing.draw_network(variant), plan(variant)
    shown = words(fig)
    for block in network.blocks:
        assert f"{block.project.output_size}×{block.project.output_size}×{block.project.filters}" in shown
        stage = sum(other.stage == block.stage for other in network.blocks)
        kernel, expand = block.depthwise.kernel, network.scale.baseline.stages[block.stage - 2].expand
        assert f"stage {block.stage}\nMBConv{expand}\n{kernel}×{kernel}\n{stage} block" in shown
    assert f"{short(network.macs)} MACs" in shown
    slabs = len(fig.axes[0].patches) / 3
    assert slabs == len(network.blocks) + 2, "one slab per block, and the first and last convolution"
    check_layout(fig)


@pytest.mark.parametrize(
    "variants",
    [
        {"B0": "b0", "B7": "b7"},
        {f"B{i}": f"b{i}" for i in range(8)},
        {"small": "b0", "my own": Scale(2, 4, 448)},
        {"one": Scale(1, 1, 64)},
    ],
)
def test_networks_on_one_scale(variants):
    fig = drawing.draw_network(variants)
    for caption, name in variants.items():
        assert caption in words(fig)
        assert f"{short(plan(name).macs)} MACs" in words(fig)
        assert f"{short(plan(name).params)} params" in words(fig)
    assert len(fig.axes[0].patches) / 3 == sum(len(plan(name).blocks) + 2 for name in variants.values())
    check_layout(fig)


def test_networks_under_a_headline():
    variants = {"B0": "b0", "depth × 4": Scale(1, 4, 224), "resolution × 2": Scale(1, 1, 448)}
    fig = drawing.draw_network(variants, "Longer or taller")
    assert "Longer or taller" in words(fig)
    check_layout(fig)


def test_slabs_are_as_high_and_thick_as_the_legend_says():
    def size(patch):  # of the face that is seen from the side
        return np.ptp(patch.get_xy(), axis=0)

    patches = drawing.draw_network({"one": "b0", "wide": Scale(4, 1, 224), "fine": Scale(1, 1, 448)}).axes[0].patches
    (thick, _), (wider, _), _ = (size(patches[i * len(patches) // 3]) for i in range(3))
    (_, height), _, (_, higher) = (size(patches[i * len(patches) // 3 + 2]) for i in range(3))
    assert wider / thick == pytest.approx(4**0.5), "square root of the channels"
    assert higher / height == pytest.approx(2**0.5), "square root of the resolution"


# ---------------------------------------------------------------- scaled, and costs

SCALES = [compound_scale(phi) for phi in (-2, 0, 4)]
SCALES += [Scale(2.0, 4.0, 448), Scale(0.5, 0.5, 112), Scale(1.0, 4.0, 224), Scale(4.0, 1.0, 32)]


@pytest.mark.parametrize("scale", SCALES, ids=lambda s: f"{s.width:.2f}-{s.depth:.2f}-{s.resolution}")
def test_scaled_shows_counts_laws_and_nothing_overlaps(scale):
    fig = drawing.draw_scaled(scale)
    base, scaled, shown = plan("b0"), plan(scale), words(fig)
    assert f"{scale.resolution} px · {len(scaled.blocks)} blocks" in shown and "224 px · 16 blocks" in shown
    assert fig.get_size_inches().tolist() == [11, 6.85], "the picture of a slider stays in place"
    heights = [y for patch in fig.axes[0].patches for y in patch.get_xy()[:, 1]]
    assert 3.3 < min(heights) and max(heights) < 6.1, "slabs stand between their names and the edge"
    chart, times = fig.axes[1], scale.resolution / 224
    laws = (scale.depth * scale.width**2 * times**2, scale.depth * scale.width**2, scale.depth * scale.width * times**2)
    ticks = [line for line in chart.lines if len(set(line.get_xdata())) == 1 and line.get_xdata()[0] != 1]
    np.testing.assert_allclose([line.get_xdata()[0] for line in ticks], [law for law in laws if law != 1])
    for bar, what in zip(chart.patches, ("macs", "params", "activations"), strict=True):
        old, new = getattr(base, what), getattr(scaled, what)
        assert f"{short(new)}  =  {new / old:.2f} × B0" in shown
        box = bar.get_bbox()
        np.testing.assert_allclose(sorted((box.x0, box.x1)), sorted((1, new / old)))
    law, count = laws[0], scaled.macs / base.macs
    assert f"{count:.3g} times the MACs; the power law promises {law:.3g}" in shown
    check_layout(fig)


@pytest.mark.parametrize("variant", ["b0", "b7", "lite0"])
def test_costs_are_those_of_the_plan(variant):
    network = plan(variant)
    fig = drawing.draw_costs(network, "Found")
    for what, above, below in zip(("macs", "params", "activations"), fig.axes[:3], fig.axes[3:], strict=True):
        total = getattr(network, what)
        widths = np.array([patch.get_width() for patch in above.patches])
        of_kind = [
            sum(getattr(conv, what) for conv in network.convs if part in conv.name)
            for part in ("expand_conv", "dwconv", "_se_", "project_conv")
        ]
        assert widths == pytest.approx(100 * np.array([*of_kind, total - sum(of_kind)]) / total)
        rows = np.array([patch.get_width() for patch in below.patches]).reshape(9, 5).sum(axis=1)
        stage6 = sum(getattr(conv, what) for block in network.blocks if block.stage == 6 for conv in block.convs)
        assert rows[5] == pytest.approx(100 * stage6 / total) and rows.sum() == pytest.approx(100)
        assert [text.get_text() for text in below.texts] == [f"{row:.1f} %" for row in rows]
        for text in [text for text in above.texts if text.get_text()]:
            bar = next(b for b in above.patches if b.get_x() < text.get_position()[0] < b.get_x() + b.get_width())
            assert contrast(text.get_color(), bar.get_facecolor()) >= 4.5, text.get_text()
    check_layout(fig)


def test_a_body_without_a_classifier_has_costs_too():
    fig = drawing.draw_costs(plan("b0", include_top=False), "Found")
    assert {text.get_text() for text in texts(fig)} >= {"stage 1", "stage 9", "depthwise"}


def test_an_operator_has_one_colour_in_every_drawing():
    block = {
        tuple(np.round(patch.get_facecolor(), 3)) for patch in drawing.draw_block(plan("b0").blocks[2]).axes[0].patches
    }
    axes = drawing.draw_costs(plan("b0"), "Found").axes
    costs = {tuple(np.round(patch.get_facecolor(), 3)) for ax in axes for patch in ax.patches}
    for operator in ("expand", "depthwise", "se", "project"):
        assert tuple(np.round(matplotlib.colors.to_rgba(COLORS[operator]), 3)) in block & costs
