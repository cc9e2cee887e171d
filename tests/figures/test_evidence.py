"""Pictures of evidence show the numbers that they are given, and nothing in them overlaps."""

import matplotlib

matplotlib.use("agg")

from matplotlib.colors import to_hex

from datasets import published
from figures import evidence
from figures.style import COLORS
from picture_layout import check_layout, words


def test_claims_show_both_numbers_and_the_verdict():
    claims = [("One claim", ("4.2 G", "printed"), ("4.39 G", "counted"), "✗"), ("Another", ("1", "a"), ("1", "b"), "✓")]
    fig = evidence.draw_claims(claims * 2, "What was found")
    for text in ("One claim", "4.2 G", "printed", "4.39 G", "counted", "✗", "✓", "What was found"):
        assert text in words(fig)
    marks = {text.get_text(): to_hex(text.get_color()) for text in fig.axes[0].texts if text.get_text() in "✗✓"}
    assert marks["✗"] == to_hex(COLORS["accent"]) != marks["✓"]
    check_layout(fig)


def test_an_arrow_says_the_factor_between_two_networks_of_a_panel():
    lines = {"ResNet": [("50", 4.0, 76.0), ("152", 11.0, 78.0)], "EfficientNet": [("B0", 0.4, 77.0), ("B1", 0.7, 79.0)]}
    fig = evidence.draw_equal_recipes({"old": lines, "new": lines}, {"old": (0.4, 4, 76), "new": (1, 4, 76)}, "Found")
    for ax, factor in zip(fig.axes, ("÷ 10.0", "÷ 4.0"), strict=True):
        texts = [text.get_text() for text in ax.texts]
        assert factor in texts and {"50", "152", "B0", "B1"} < set(texts)
        assert ({"● ResNet", "■ EfficientNet"} < set(texts)) == (ax is fig.axes[0])
        resnet, ours, _ = ax.lines
        assert resnet.get_xydata().tolist() == [[4.0, 76.0], [11.0, 78.0]]
        assert ours.get_color() == COLORS["EfficientNet"]
    check_layout(fig)


def test_of_each_family_the_ends_the_best_and_the_compared_network_are_named():
    ours = [("B0", 0.4, 77.0), ("B1", 0.7, 79.0), ("B2", 1.0, 80.0), ("B3", 1.8, 79.5), ("B4", 4.0, 79.2)]
    theirs = [("18", 2.0, 70.0), ("34", 3.0, 73.0), ("50", 4.0, 76.0), ("101", 8.0, 77.0)]
    fig = evidence.draw_equal_recipes({"a": {"ResNet": theirs, "EfficientNet": ours}}, {"a": (0.4, 4, 76)}, "Found")
    texts = {text.get_text() for text in fig.axes[0].texts} - {""}
    assert texts == {"a", "÷ 10.0", "● ResNet", "■ EfficientNet", "B0", "B2", "B4", "18", "50", "101"}
    check_layout(fig)


def test_winners_stand_in_the_colour_of_their_family():
    winners = {"MACs": {76: "EfficientNet-B0", 77: "other"}, "time": {76: "other", 77: "EfficientNetV2-M"}}
    colours = {"EfficientNetV2": COLORS["EfficientNetV2"], "EfficientNet-": COLORS["EfficientNet"]}
    fig = evidence.draw_winners(winners, colours, "Found")
    cells = [to_hex(cell.get_facecolor()).upper() for cell in fig.axes[0].patches]
    assert cells[0] == COLORS["EfficientNet"] and cells[3] == COLORS["EfficientNetV2"] and cells[1] == cells[2]
    assert "≥ 77 %" in words(fig) and words(fig).count("other") == 2
    check_layout(fig)


def test_every_architecture_of_the_table_has_a_readable_name_of_its_own():
    architectures = {row["model"].removeprefix("tf_") for row in published("networks")}
    names = {evidence.readable(architecture) for architecture in architectures}
    assert len(names) == len(architectures)
    assert {
        "EfficientNet-B0",
        "EfficientNetV2-M",
        "MobileNetV4-hybrid-M",
        "MobileNetV4-M",
        "ConvNeXt-T",
        "ResNet-50d",
    } <= names
    assert evidence.readable("tf_efficientnet_b0") == "EfficientNet-B0"


def test_a_folded_table_escapes_its_cells():
    table = evidence.folded_table("All <rows>", [dict(topic="a < b", source=None)], ["topic", "source"]).data
    assert "<summary>All &lt;rows&gt;</summary>" in table
    assert "<th>topic</th>" in table and "a &lt; b" in table and table.endswith("</table></details>")
