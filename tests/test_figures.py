"""The pictures: their numbers come from the plan, nothing overlaps, imgs/ is up to date, and every one has alt text."""

import base64
import dataclasses
import io
import itertools

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import nbclient
import nbformat
import numpy as np
import pytest
from PIL import Image

import architecture
import datasets
import figures
from architecture import Scale, plan

ALT = "Two points joined by a straight line that rises"
BLOCKS = [(name, block) for name in ("b0", "lite0") for block in plan(name).blocks]
BLOCKS += [("b7", plan("b7").blocks[i]) for i in (0, 1, 4, 5, 11, 18, 38, 50, 51, 54)]


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def texts(fig):
    inside = [text for ax in fig.axes for text in (*ax.texts, ax.xaxis.label, ax.yaxis.label, ax._left_title)]
    axes = [axis for ax in fig.axes if ax.axison for axis in (ax.xaxis, ax.yaxis)]
    ticks = [tick.label1 for axis in axes for tick in axis.get_major_ticks() if within(axis, tick.get_loc())]
    return [text for text in (*fig.texts, *inside, *ticks) if text.get_text()]


def within(axis, place):
    low, high = sorted(axis.get_view_interval())
    return low <= place <= high


def words(fig):
    return "\n".join(text.get_text() for text in texts(fig))


def check_layout(fig):
    """Every text is inside the figure and covers no other text."""
    fig.draw_without_rendering()  # it puts the labels of the axes in their places
    frame, boxes = fig.bbox, [(text.get_text(), text.get_window_extent()) for text in texts(fig)]
    for name, box in boxes:
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= frame.x1 and box.y1 <= frame.y1
        assert inside, f"{name!r} is clipped"
    for (name, a), (other, b) in itertools.combinations(boxes, 2):
        overlap = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(overlap) <= 1, f"{name!r} covers {other!r} by {overlap} pixels"


# ---------------------------------------------------------------- show


def run(source):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbclient.NotebookClient(notebook, timeout=60).execute()
    return notebook.cells[0].outputs


def test_show_stores_the_alt_text_in_a_notebook():
    setup = f"import sys; sys.path.insert(0, {str(figures.IMGS.parent / 'src')!r})\n"
    setup += "import matplotlib.pyplot as plt, figures\n"
    draw = f"fig, ax = plt.subplots()\nax.plot([0, 1])\nfigures.show(fig, alt={ALT!r})\n"
    outputs = [output for output in run(setup + draw + draw) if output.output_type == "display_data"]
    assert len(outputs) == 2, "shown twice, and closed: the inline backend shows no figure of its own"
    for output in outputs:
        assert output.metadata["image/png"]["alt"] == ALT
        assert Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))).size[0] > 300
    assert outputs[0].data["image/png"] == outputs[1].data["image/png"], "equal figures give equal bytes"


@pytest.mark.parametrize("alt", [None, "", "a chart", " " * 30, 12345])
def test_show_refuses_a_missing_alt_text(alt):
    with pytest.raises(ValueError, match="alt is .*allowed") as error:
        figures.show(plt.figure(), alt=alt)
    assert "\n" not in str(error.value)


def test_show_in_a_script_closes_the_figure():
    figures.show(plt.figure(), alt=ALT)
    assert not plt.get_fignums()


def test_equal_figures_give_equal_bytes_that_name_no_software():
    block = plan("b0").blocks[0]
    first, second = figures._png(figures.draw_block(block)), figures._png(figures.draw_block(block))
    assert first == second
    assert b"Software" not in first and b"matplotlib" not in first


# ---------------------------------------------------------------- drawings


@pytest.mark.parametrize("variant, block", BLOCKS, ids=[f"{variant}-{block.name}" for variant, block in BLOCKS])
def test_block_shows_its_plan_and_nothing_overlaps(variant, block):
    fig = figures.draw_block(block)
    shown = words(fig)
    for conv in (block.expand, block.depthwise, block.project):
        if conv:
            assert f"{conv.output_size}×{conv.output_size}×{conv.filters}" in shown
            assert f"{figures.short(conv.macs)} MACs\n{figures.short(conv.params)} params" in shown
    assert ("expand" in shown) == bool(block.expand)
    assert ("squeeze-and-excitation" in shown) == bool(block.se_reduce)
    if block.se_reduce:
        assert f"{block.se_reduce.inputs} → {block.se_reduce.filters} → {block.se_reduce.inputs}" in shown
    assert ("no skip" in shown) == (not block.skip)
    assert ("stride 2" in shown) == (block.depthwise.stride == 2)
    check_layout(fig)


def test_block2b_in_numbers():
    shown = words(figures.draw_block(plan("b0").blocks[2]))
    for text in ("block2b", "56×56×24", "56×56×144", "3×3 depthwise", "144 → 6 → 144", "10.8 M MACs", "expand 42 %"):
        assert text in shown


@pytest.mark.parametrize("variant", ["b0", "b4", "b7", "lite0", Scale(1.3, 0.5, 100)])
def test_network_shows_its_stages(variant):
    fig, network = figures.draw_network(variant), plan(variant)
    shown = words(fig)
    for block in network.blocks:
        assert f"{block.project.output_size}×{block.project.output_size}×{block.project.filters}" in shown
    assert f"{figures.short(network.macs)} MACs" in shown
    slabs = len(fig.axes[0].patches) / 3
    assert slabs == len(network.blocks) + 2, "one slab per block, and the first and last convolution"
    check_layout(fig)


@pytest.mark.parametrize(
    "variants",
    [["b0", "b7"], [f"b{i}" for i in range(8)], {"small": "b0", "my own": Scale(2, 4, 448)}, [Scale(1, 1, 64)]],
)
def test_networks_on_one_scale(variants):
    fig = figures.draw_network(variants)
    names = variants.values() if isinstance(variants, dict) else variants
    for name in names:
        assert f"{figures.short(plan(name).macs)} MACs" in words(fig)
        assert f"{figures.short(plan(name).params)} params" in words(fig)
    assert len(fig.axes[0].patches) / 3 == sum(len(plan(name).blocks) + 2 for name in names)
    check_layout(fig)


def test_slabs_of_a_larger_resolution_are_higher_by_its_square_root():
    def height(patch):
        return np.ptp(patch.get_xy()[:, 1])

    patches = figures.draw_network({"one": "b0", "two": Scale(1, 1, 448)}).axes[0].patches
    assert height(patches[len(patches) // 2]) / height(patches[0]) == pytest.approx(2**0.5)


def test_accuracy_plots_the_published_numbers_against_the_macs_of_the_plan():
    fig = figures.draw_accuracy()
    family, others = (line.get_xydata() for line in fig.axes[0].lines)
    rows = [row for row in datasets.published("table2_imagenet") if row["arxiv_version"] == "v5"]
    assert family[:, 0] * 1e9 == pytest.approx([plan(f"b{i}").macs for i in range(8)])
    assert list(family[:, 1]) == [row["top1"] for row in rows if row["model"].startswith("EfficientNet")]
    assert len(others) == len([row for row in rows if row["macs_B"] and not row["model"].startswith("EfficientNet")])
    for row in rows:
        assert not row["macs_B"] or row["model"].removeprefix("EfficientNet-") in words(fig)
    assert "1905.11946v5" in words(fig) and "top-1 accuracy (%)" in words(fig)
    check_layout(fig)


# ---------------------------------------------------------------- imgs/


@pytest.mark.parametrize("name", figures.PICTURES)
def test_imgs_are_up_to_date_described_and_nothing_overlaps(name):
    draw, alt = figures.PICTURES[name]
    path, fig = figures.IMGS / f"{name}.png", draw()
    stored = Image.open(path).text
    assert stored["Fingerprint"] == figures.fingerprint(fig), f"{path.name} is stale: python src/figures.py"
    assert stored["Description"] == alt and 100 < len(alt) < 400
    assert path.stat().st_size < (300_000 if name == "efficientnet" else 120_000)
    check_layout(fig)


def test_imgs_holds_nothing_else():
    assert {path.name for path in figures.IMGS.iterdir()} == {f"{name}.png" for name in figures.PICTURES}


def test_a_changed_plan_makes_imgs_stale(monkeypatch):
    wider = dataclasses.replace(architecture.STAGES[1], filters=32)
    baseline = dataclasses.replace(architecture.B0, stages=(architecture.STAGES[0], wider, *architecture.STAGES[2:]))
    monkeypatch.setattr(
        figures, "plan", lambda v: plan(dataclasses.replace(architecture.find_scale(v), baseline=baseline))
    )
    for name in ("b0", "block2b", "scaling"):
        stored = Image.open(figures.IMGS / f"{name}.png").text["Fingerprint"]
        assert figures.fingerprint(figures.PICTURES[name][0]()) != stored


def test_a_changed_table_makes_imgs_stale(monkeypatch):
    before, published = Image.open(figures.IMGS / "accuracy.png").text["Fingerprint"], datasets.published

    def corrected(name):
        return [row | ({"top1": 76.1} if row.get("model") == "ResNet-50" else {}) for row in published(name)]

    monkeypatch.setattr(figures, "published", corrected)
    assert figures.fingerprint(figures.draw_accuracy()) != before


# ---------------------------------------------------------------- palette


def luminance(colour):
    rgb = np.array(matplotlib.colors.to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722)


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def lightness(colour):
    return 116 * luminance(colour) ** (1 / 3) - 16


def test_operators_differ_in_greyscale_and_stand_out_on_white():
    operators = [figures.COLORS[role] for role in ("expand", "depthwise", "se", "project", "skip")]
    for group in (operators, figures.SERIES):
        for one, other in itertools.combinations(group, 2):
            assert abs(lightness(one) - lightness(other)) >= 8, (one, other)
        for colour in group:
            assert contrast(colour, "white") >= 3, colour
    for role in ("ink", "muted", "accent", "skip"):
        assert contrast(figures.COLORS[role], "white") >= 4.5, f"{role} is a colour of text"
    assert len(set(figures.MARKERS)) == len(figures.SERIES)


def test_bar_labels_are_legible():
    for index in (0, 1, 2):
        ax = figures.draw_block(plan("b0").blocks[index]).axes[0]
        for text in [text for text in ax.texts if text.get_text().endswith("%") and text.get_fontsize() == 11.5]:
            x, y = text.get_position()
            under = [p for p in ax.patches if p.get_path().contains_point((x, y), p.get_patch_transform())]
            assert contrast(text.get_color(), under[-1].get_facecolor()) >= 4.5, text.get_text()


def test_stages_get_steadily_darker():
    shades = [lightness(figures.RAMP(i / 8)) for i in range(9)]
    assert all(a - b >= 4 for a, b in zip(shades, shades[1:]))


# ---------------------------------------------------------------- charts


@pytest.mark.parametrize(
    "df, expected",
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (7, 2.3646), (10, 2.2281), (29, 2.0452), (120, 1.9799)],
)
def test_t_quantile(df, expected):  # NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2, two-sided 95 %
    assert figures.t_quantile(df) == pytest.approx(expected, abs=6e-4)


def test_t_quantile_at_another_level():
    assert figures.t_quantile(9, 0.99) == pytest.approx(3.250, abs=6e-4)


def test_t_interval():
    mean, half = figures.t_interval([70.0, 71.0, 72.0, 73.0, 74.0])
    assert mean == 72 and half == pytest.approx(2.7764 * 2.5**0.5 / 5**0.5, abs=1e-3)
    assert np.isnan(figures.t_interval([70.0])[1])


def test_seeds_shows_every_value_and_how_many():
    groups = {"dense": [70.0, 70.5, 71.0], "separable": [69.0, 70.0]}
    fig = figures.seeds(groups, "accuracy (%)")
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["dense\nn = 3", "separable\nn = 2"]
    shown = [list(line.get_xdata()) for line in fig.axes[0].lines]
    assert all(values in shown for values in groups.values())
    mean, half = figures.t_interval(groups["dense"])
    assert [mean - half, mean + half] in shown and [mean] in [list(np.atleast_1d(x)) for x in shown]


FAMILIES = {
    "family": [("B0", (0.4, 20.0), 77.1), ("B1", (0.7, 30.0), 79.1), ("B7", (38.0, 600.0), 84.3)],
    "others": [("ResNet50", (3.9, 45.0), 76.0), ("", (0.3, 12.0), 71.3)],
}


@pytest.mark.parametrize("log", ["x", "y", "xy", ""])
def test_tradeoff_shows_each_point_in_each_panel(log):
    fig = figures.tradeoff(FAMILIES, ["MACs", "time (ms)"], "top-1 (%)", scattered=["others"], log=log)
    assert len(fig.axes) == 2 and fig.axes[0].get_ylim() == fig.axes[1].get_ylim()
    for panel, ax in enumerate(fig.axes):
        for line, points in zip(ax.lines, FAMILIES.values(), strict=True):
            assert line.get_xydata().tolist() == [[x[panel], y] for _, x, y in points]
            assert [ax.get_xscale() == "log", ax.get_yscale() == "log"] == ["x" in log, "y" in log]
        assert {text.get_text() for text in ax.texts} == {"B0", "B1", "B7", "ResNet50"}
        assert [line.get_linestyle() for line in ax.lines] == ["-", "None"]
    assert [text.get_text() for text in fig.legends[0].get_texts()] == list(FAMILIES)
    assert "time (ms)" in words(fig) and words(fig).count("top-1 (%)") == 1
    check_layout(fig)


def test_tradeoff_with_one_panel():
    fig = figures.tradeoff({"a": [("one", 1, 2)], "b": [("two", 10, 3)]}, "cost", "gain")
    assert [line.get_xydata().tolist() for line in fig.axes[0].lines] == [[[1, 2]], [[10, 3]]]
    assert {line.get_marker() for line in fig.axes[0].lines} == set(figures.MARKERS[:2])
    check_layout(fig)


def test_shares_add_up_and_are_legible():
    bars = {"MACs": {"expand": 60, "project": 30, "swish": 0}, "time": {"expand": 1, "project": 1, "swish": 2}}
    fig = figures.shares(bars, {"swish": figures.COLORS["feature"]})
    ax = fig.axes[0]
    widths = [round(patch.get_width(), 3) for patch in ax.patches]
    assert widths == [66.667, 33.333, 0, 25, 25, 50]
    assert [text.get_text() for text in ax.texts] == ["67 %", "33 %", "25 %", "25 %", "50 %"]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(bars)
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["expand", "project", "swish"]
    big = [patch for patch in ax.patches if patch.get_width() > 4]
    for text, patch in zip(ax.texts, big, strict=True):
        assert contrast(text.get_color(), patch.get_facecolor()) >= 4.5, text.get_text()
    check_layout(fig)


@pytest.mark.parametrize("variant", ["b0", "b7", "lite0"])
def test_costs_are_those_of_the_plan(variant):
    network = plan(variant)
    fig = figures.draw_costs(network)
    for what, above, below in zip(("macs", "params", "activations"), fig.axes[::2], fig.axes[1::2], strict=True):
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
        for text in above.texts:
            bar = next(b for b in above.patches if b.get_x() < text.get_position()[0] < b.get_x() + b.get_width())
            assert contrast(text.get_color(), bar.get_facecolor()) >= 4.5, text.get_text()
    check_layout(fig)


def test_roofline_meets_where_memory_and_arithmetic_do():
    fig = figures.roofline(
        [("dense", 120, 8e10), ("depthwise", 1.1, 3e9), ("close to it", 1.2, 3.1e9)], peak=1e11, bandwidth=4e9
    )
    roof = fig.axes[0].lines[0].get_xydata()
    assert tuple(roof[1]) == (25, 100)
    assert roof[0, 1] == pytest.approx(4 * roof[0, 0])
    points = [tuple(line.get_xydata()[0]) for line in fig.axes[0].lines[2:]]
    assert points == [(120, 80), (1.1, 3), (1.2, 3.1)]
    check_layout(fig)


def test_curves_puts_measured_values_in_the_colour_of_their_line():
    fig = figures.curves(
        {"k = 3": ([1, 2], [1, 2])}, "x", "y", measured={"k = 3": ([1], [1]), "other": ([2], [3])}, log="xy"
    )
    line, same, other = fig.axes[0].lines
    assert line.get_color() == same.get_color() != other.get_color()
    assert [text.get_text() for text in fig.axes[0].get_legend().get_texts()] == ["k = 3", "other"]
    assert fig.axes[0].get_xscale() == fig.axes[0].get_yscale() == "log"


def test_board_counts_its_cards_and_nothing_overlaps():
    piles = {
        "It holds": [("a short one", "cited")],
        "It does not\nadd up": [(LONG, "open"), ("another card", "counted")],
    }
    fig = figures.board(piles, ["counted", "open", "cited"])
    shown = words(fig)
    assert "1\nIt holds" in shown and "2\nIt does not\nadd up" in shown
    assert LONG in shown.replace("\n", " ") and all(kind in shown for kind in ("counted", "open", "cited"))
    fig.draw_without_rendering()
    cards = [patch.get_window_extent() for patch in fig.axes[0].patches]
    for text in fig.axes[0].texts[:7]:  # number and heading of each pile, and the cards; then the legend
        box = text.get_window_extent()
        assert any(c.x0 <= box.x0 and box.x1 <= c.x1 and c.y0 <= box.y0 and box.y1 <= c.y1 for c in cards), text
    styles = [(patch.get_linestyle(), patch.get_linewidth()) for patch in fig.axes[0].patches]
    assert len(styles) == 2 + 3 + 3 and len(set(styles)) == 4, "two headings, three cards, three in the legend"
    check_layout(fig)


LONG = "a text that is much too long for a single line of a card, WIDE AS MAMMOTHS, so it takes three or four"


def test_image_grid():
    fig = figures.image_grid([np.eye(8)] * 5, titles=list("abcde"), columns=3)
    assert sum(bool(ax.images) for ax in fig.axes) == 5 and len(fig.axes) == 6
    assert [ax.get_title() for ax in fig.axes[:5]] == list("abcde")


def test_heatmaps_share_one_colour_scale_and_name_their_rows():
    panels = {"first": np.zeros((3, 5)), "second": np.full((3, 7), 0.5)}
    fig = figures.heatmaps(panels, list("abc"), "channel", "gate (0 to 1)")
    first, second, bar = fig.axes
    assert first.images[0].get_clim() == second.images[0].get_clim() == (0, 1)
    assert np.array_equal(second.images[0].get_array(), panels["second"])
    assert [tick.get_text() for tick in second.get_yticklabels()] == list("abc")
    assert (first.get_title("left"), second.get_title("left")) == ("first", "second")
    assert (second.get_xlabel(), bar.get_ylabel()) == ("channel", "gate (0 to 1)")


def test_class_activation_is_hot_where_the_heat_is():
    heat = np.zeros((3, 5))
    heat[0, 4] = 7
    fig = figures.class_activation(np.full((60, 80, 3), 128, np.uint8), heat)
    laid_over = np.asarray(fig.axes[1].images[1].get_array())
    assert laid_over.shape == (60, 80)
    assert laid_over[0, -1] == 1 and laid_over[-1, -1] == laid_over[0, 0] == 0


@pytest.mark.parametrize(
    "number, text",
    [(0, "0"), (768, "768"), (999.6, "1.00 k"), (4032, "4.03 k"), (385_814_752, "386 M"), (37_745_884_192, "37.7 G")],
)
def test_short(number, text):
    assert figures.short(number) == text


# ---------------------------------------------------------------- the drawing of lesson 04


SCALES = [architecture.compound_scale(phi) for phi in (-2, 0, 1, 4, 7)]
SCALES += [Scale(2.0, 4.0, 448), Scale(0.5, 0.5, 112), Scale(1.0, 4.0, 224), Scale(4.0, 1.0, 32)]


@pytest.mark.parametrize("scale", SCALES, ids=lambda s: f"{s.width:.2f}-{s.depth:.2f}-{s.resolution}")
def test_scaled_shows_counts_laws_and_nothing_overlaps(scale):
    fig = figures.draw_scaled(scale, "yours")
    base, scaled, shown = plan("b0"), plan(scale), words(fig)
    assert f"{scale.resolution} px · {len(scaled.blocks)} blocks" in shown and "224 px · 16 blocks" in shown
    chart, times = fig.axes[1], scale.resolution / 224
    laws = (scale.depth * scale.width**2 * times**2, scale.depth * scale.width**2, scale.depth * scale.width * times**2)
    ticks = [line for line in chart.lines if len(set(line.get_xdata())) == 1 and line.get_xdata()[0] != 1]
    np.testing.assert_allclose([line.get_xdata()[0] for line in ticks], [law for law in laws if law != 1])
    for bar, what in zip(chart.patches, ("macs", "params", "activations")):
        old, new = getattr(base, what), getattr(scaled, what)
        assert f"{figures.short(new)}  =  {new / old:.2f} × baseline" in shown
        box = bar.get_bbox()
        np.testing.assert_allclose(sorted((box.x0, box.x1)), sorted((1, new / old)))
    check_layout(fig)


def test_sliders_redraw_the_picture_and_leave_no_figure_open(monkeypatch):
    widgets, seen, shown = pytest.importorskip("ipywidgets"), [], []
    monkeypatch.setattr("IPython.display.display", shown.append)

    def draw(phi, depth):
        seen.append((phi, depth))
        return figures.draw_scaled(architecture.compound_scale(phi))

    figures.sliders(draw, phi=(-2, 0, 4), depth=(0.5, 1, 4))
    *controls, picture = shown[0].children
    assert [(c.description, c.min, c.value, c.max) for c in controls] == [("phi", -2, 0, 4), ("depth", 0.5, 1, 4)]
    before = picture.value
    controls[0].value = 2.0
    assert seen == [(0, 1), (2, 1)] and picture.value != before and isinstance(picture, widgets.Image)
    assert Image.open(io.BytesIO(picture.value)).size == (880, 504) and not plt.get_fignums()


def test_without_ipywidgets_sliders_print_one_line(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "ipywidgets", None)
    figures.sliders(lambda: None)
    printed = capsys.readouterr().out
    assert "ipywidgets is not installed" in printed and printed.count("\n") == 1
