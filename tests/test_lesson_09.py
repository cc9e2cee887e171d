"""The headlines of "Reading the paper again" say what its tables say, and a table that falsifies one is noticed."""

import math
import re
from pathlib import Path

import nbformat
import pytest

import datasets
from atomic import read_rows

(PATH,) = (Path(__file__).resolve().parent.parent / "notebooks").glob("*_reading_the_paper_again.ipynb")
TIMM = datasets.DATA / "published" / "timm"
BY_MACS = {
    78: "EfficientNet-B0 · 224",
    79: "EfficientNet-B0 · 256",
    80: "EfficientNet-B1 · 240",
    81: "EfficientNet-B1 · 288",
}


def code_cells():
    """Sources of the code cells between the setup cell and the exercises."""
    sources = []
    for cell in nbformat.read(PATH, as_version=4).cells:
        if cell.source.startswith("## Exercises"):
            return sources[1:]
        if cell.cell_type == "code":
            sources.append(cell.source)
    raise AssertionError("no exercises")


def lesson():
    """The names that the lesson computes, without its drawings."""
    scope = {}
    for source in code_cells():
        if "show(" not in source:
            exec(compile(source, "<cell>", "exec"), scope)
    return scope


@pytest.fixture(scope="module")
def computed():
    return lesson()


def rows(scope, **where):
    return [row for row in scope["networks"] if all(row[column] == value for column, value in where.items())]


def ancestor(scope):
    (_, macs, top1), (_, our_macs, our_top1) = scope["ancestor"][-1], scope["scaled_up"][0]
    best = max(point[2] for point in scope["ancestor"])
    return best == top1 and abs(our_top1 - top1) <= 0.1 and 0.95 < our_macs / macs < 1 and scope["gain"] > 6


def recipes(scope):
    by_value = sorted(scope["b0"].items(), key=lambda item: item[1])
    last_but_one, last = by_value[-2:]
    names = last_but_one[0].startswith("2024") and last[0].startswith("Noisy Student")
    return names and 10 <= last[1] - by_value[0][1] < 11 and last[1] - last_but_one[1] < 0.3


def equal_recipes(scope):
    as_published, plain, rich = scope["factors"].values()
    return 10.5 < as_published < 11.5 and 3 < plain < 4 and 4.5 < rich < 5.5


def five_rulers(scope):
    ratios = scope["ratios"]
    times = ratios["GPU time"], ratios["CPU time"]
    return 0.17 < ratios["MACs"] < 0.23 and 0.8 < min(times) and max(times) < 1 < ratios["activations"] < 1.2


def eight_claims(scope):
    by_verdict = {verdict: [] for verdict in "✓✗?"}
    for _, (first, _), (second, _), verdict in scope["claims"]:
        by_verdict[verdict].append((first, second))
    holds, fails, is_open = by_verdict.values()
    numbers = [("3.22", "3.78"), ("84.3 %", "84.3 %"), ("4.2 G", "4.39 G"), ("10 ×", "8.4 ×"), ("5", "3")]
    right = [("77.1 %", "77.7 %"), ("6.1 ×", "6.1 ×")]
    heavy = [claim for claim, *_ in scope["claims"][:2]] == ["Table 7 compares at equal cost", "One φ makes B4"]
    return heavy and holds == right and fails == numbers and is_open == [("1.80 G", "1.58 G")]


def fused(scope):
    tpu, v100 = ([speed for _, _, speed in points] for points in scope["training"].values())
    return min(tpu[1], v100[1]) > 1.35 and tpu[3] < 1 < v100[3] < v100[1]


def winners(scope):
    won = scope["won"]
    return won["MACs"] == 6 and won["parameters"] == 4 and won["GPU time"] == won["CPU time"] == won["activations"] == 0


HEADLINES = {
    "B0 stands beside its ancestor. Scaling does the rest": ancestor,
    "One network, ten points apart": recipes,
    "Eleven times fewer MACs? With equal training, three to five": equal_recipes,
    "A fifth of the MACs, but not of the time": five_rulers,
    "Two claims weigh: Table 7 and φ. The rest is digits and wording": eight_claims,
    "Dense early stages: more MACs, and faster": fused,
    "B0 to B8 still win by MACs. By time they never do": winners,
}


def test_every_chart_has_a_headline_that_is_tested():
    charts = [source for source in code_cells() if "show(" in source]
    assert len(charts) == len(HEADLINES)
    for source, headline in zip(charts, HEADLINES, strict=True):
        assert f'"{headline}"' in source


@pytest.mark.parametrize("headline", HEADLINES)
def test_headlines_are_true(computed, headline):
    assert HEADLINES[headline](computed)


def without(**where):
    return lambda table: [row for row in table if any(row[column] != value for column, value in where.items())]


def one_more(pattern, **changes):
    """Adds a copy of the first row that fits `pattern`, with changes."""

    def edit(table):
        row = next(row for row in table if all(row[column] == value for column, value in pattern.items()))
        return [*table, row | changes]

    return edit


B0_RICH = dict(model="efficientnet_b0", recipe="ra4_e3600_r224_in1k", resolution=224)
NEWCOMER = dict(model="mobilenetv4_conv_medium", data="in1k")
FALSIFIED = {
    "a better ancestor": (ancestor, "mnasnet", one_more({"model": "MnasNet-A3"}, model="MnasNet-A4", top1=78.0)),
    "no B5": (ancestor, "google_checkpoints", without(training="Baseline preprocessing", model="B5", top1=83.1)),
    "a worse run": (recipes, "reproductions", one_more({}, label="another", top1=60.0)),
    "no worst run": (recipes, "reproductions", without(top1=68.69)),
    "no run of 2024": (recipes, "networks", without(**B0_RICH)),
    "a better plain ResNet-50": (equal_recipes, "regnet", lambda table: [better_resnet(row) for row in table]),
    "a better B0 of 2024": (equal_recipes, "networks", one_more(B0_RICH, resolution=240, top1=81.0)),
    "a faster B1 of 2024": (five_rulers, "networks", one_more(B0_RICH, resolution=240, top1=81.0)),
    "no B1 of 2024": (five_rulers, "networks", without(model="efficientnet_b1", resolution=288)),
    "another GPipe": (eight_claims, "table2_imagenet", without(model="GPipe", arxiv_version="v5")),
    "a data set more": (eight_claims, "table5_transfer", one_more({}, ours_vs_best_acc=99.9)),
    "a slower fused net": (fused, "effnetv2_fused_mbconv", without(variant="Fused stage1-3")),
    "a cheaper newcomer": (winners, "networks", one_more(NEWCOMER, top1=81.5, macs_B=0.4)),
    "a faster EfficientNet": (winners, "networks", one_more(B0_RICH, rtx3090=20_000.0)),
    "no MobileNetV4": (winners, "networks", without(family="MobileNetV4")),
}


def better_resnet(row):
    return row | dict(top1=78.5) if row["model"] == "ResNet-50" else row


@pytest.mark.parametrize("case", FALSIFIED)
def test_a_table_that_falsifies_a_headline_is_noticed(monkeypatch, case):
    holds, name, edit = FALSIFIED[case]
    read = datasets.published
    monkeypatch.setattr(datasets, "published", lambda table: edit(read(table)) if table == name else read(table))
    try:
        assert not holds(lesson())
    except (StopIteration, KeyError, IndexError, TypeError):  # the row that is compared is gone: that is noticed, too
        pass


# ---------------------------------------------------------------- what the prose says beside the headlines


def test_the_plain_recipe_halves_what_scaling_gains_and_costs_large_networks_most(computed):
    plain = {name: top1 for points in computed["plain_2020"].values() for name, _, top1 in points}
    paper = {name: top1 for name, _, top1 in computed["published_2019"]["EfficientNet"]}
    assert round(plain["B5"] - plain["B4"], 1) == -0.3 and round(paper["B5"] - paper["B4"], 1) == 0.7
    assert plain["152"] > plain["B5"]
    assert round(plain["B5"] - plain["B0"], 1) == 3.2 and round(computed["gain"], 1) == 6.4
    own = {name: top1 for name, _, top1 in computed["scaled_up"]}
    assert round(plain["B4"] - plain["B0"], 1) == 3.5 and round(own["B4"] - own["B0"], 1) == 5.8
    kept = [100 * (plain[name] - plain["B0"]) / (own[name] - own["B0"]) for name in ("B1", "B2", "B3", "B4", "B5")]
    assert (round(min(kept)), round(max(kept))) == (40, 60)


def test_compound_has_14_to_24_percent_more_macs_than_its_rivals(computed):
    more = [100 * (computed["compound"] / macs - 1) for macs in computed["table7"][1:4]]
    assert (round(min(more)), round(max(more))) == (14, 24)


def test_the_answers_give_the_numbers_of_the_charts(computed):
    assert [round(factor, 1) for factor in computed["factors"].values()] == [10.5, 3.4, 5.2]
    ratios = {ruler: round(ratio, 2) for ruler, ratio in computed["ratios"].items()}
    assert ratios == {"MACs": 0.19, "parameters": 0.3, "activations": 1.1, "GPU time": 0.83, "CPU time": 0.94}
    assert round(computed["gain"], 1) == 6.4


def test_the_rule_of_the_last_table(computed):
    entrants = computed["entrants"]
    assert len({row["family"] for row in entrants}) == 11
    assert not [row for row in entrants if row["data"] != "in1k" or row["distilled"] == "yes"]


def test_recipes_of_b0_differ_by_more_than_table_2_from_resnet_50_to_b7(computed):
    table2 = computed["table2"]
    spread = max(computed["b0"].values()) - min(computed["b0"].values())
    assert round(table2["EfficientNet-B7"]["top1"] - table2["ResNet-50"]["top1"], 1) == 8.3 < spread


def test_the_released_code_trains_for_350_epochs():
    recipe = {row["setting"]: row["released_code"] for row in datasets.published("training_recipe")}
    assert "218949 steps at batch 2048" in recipe["epochs"] and round(218_949 * 2048 / 1_281_167) == 350


def test_fusing_the_first_stages_gains_accuracy_too():
    fused = datasets.published("effnetv2_fused_mbconv")
    assert round(fused[1]["top1"] - fused[0]["top1"], 1) == 0.3


def test_equation_3_gives_images_the_largest_share_of_the_macs():
    constants = {row["constant"].split()[0]: row["value"] for row in datasets.published("scaling_constants")}
    steps = constants["alpha"], constants["beta"] ** 2, constants["gamma"] ** 2
    shares = [math.log(step) / math.log(math.prod(steps)) for step in steps]
    assert max(shares) == shares[2] and round(shares[2], 2) == 0.43


def test_b1_against_resnet_152(computed):
    assert [round(times, 1) for times in computed["faster"].values()] == [5.7, 3.1, 2.6, 4.9]


def test_a_laptop_disagrees_with_both_clocks(computed):
    ours = sorted((row for row in computed["rich"] if row["family"] == "EfficientNet"), key=lambda row: row["top1"])
    points = [(row["model"], 1 / row["i7_12700h"], row["top1"]) for row in ours]
    rival = computed["rival"]
    assert round(computed["needed"](points, rival["top1"]) * rival["i7_12700h"], 2) == 0.56


def test_the_advice_follows_from_the_table(computed):
    by_macs, winners = computed["winners"]["MACs"], computed["winners"]
    assert {goal: by_macs[goal] for goal in BY_MACS} == BY_MACS
    assert [winners["parameters"][goal] for goal in (79, 80, 81)] == [BY_MACS[79], BY_MACS[81], BY_MACS[81]]
    assert all(winners["GPU time"][goal].startswith("MobileNetV4") for goal in range(78, 83))
    for ruler in ("GPU time", "CPU time"):
        names = [winners[ruler][goal] for goal in range(78, 85)]
        assert sum(name.startswith("MobileNetV4") for name in names) == 6 and winners[ruler][85] == "EfficientNetV2-M"


def of_all_families(pattern, benchmark):
    """(model, top-1, billions of MACs, images per second) of timm's rows that match, with ImageNet-1k alone."""
    speeds = {
        (row["model"], row["infer_img_size"]): row for row in read_rows(TIMM / f"benchmark-infer-{benchmark}.csv")
    }
    found = []
    for row in read_rows(TIMM / "results-imagenet.csv"):
        architecture, _, recipe = row["model"].partition(".")
        timed = speeds.get((architecture, row["img_size"]))
        if re.fullmatch(pattern, architecture) and recipe.endswith("in1k") and "_ft_" not in recipe and timed:
            macs, speed = float(timed["infer_gmacs"]), float(timed["infer_samples_per_sec"])
            found.append((row["model"], float(row["top1"]), macs, speed))
    return found


RTX_3090, CORE_I9 = "amp-nhwc-pt240-cu124-rtx3090", "fp32-nchw-pt240-cpu-i9_10940x-dynamo"


def test_a_twelfth_family_takes_places_of_b3_and_b5_by_macs_and_all_by_time_from_83(computed):
    for benchmark, column in ((RTX_3090, "rtx3090"), (CORE_I9, "i9_10940x")):
        efficientvit = of_all_families(r"efficientvit_[bl]\d", benchmark)
        for goal in (83, 84, 85):
            table = [row[column] for row in computed["entrants"] if row["top1"] >= goal and row[column]]
            assert max(speed for _, top1, _, speed in efficientvit if top1 >= goal) > max(table)
    taken = {}
    for goal in range(78, 86):
        fit = [row for row in computed["entrants"] if row["family"] == "EfficientNet" and row["top1"] >= goal]
        ours = min(row["macs_B"] for row in fit)
        taken[goal] = min(macs for _, top1, macs, _ in efficientvit if top1 >= goal) < ours
    assert not any(taken[goal] for goal in BY_MACS) and taken[82] and taken[84]


def test_on_the_core_i9_older_mobilenets_with_the_recipe_of_2024_beat_the_table(computed):
    for pattern, goal, times in ((r"mobilenetv1_125", 77, 1.5), (r"mobilenet_edgetpu_v2_m", 80, 1.3)):
        fastest = max((row for row in of_all_families(pattern, CORE_I9) if row[1] >= goal), key=lambda row: row[3])
        table = [row["i9_10940x"] for row in computed["entrants"] if row["top1"] >= goal and row["i9_10940x"]]
        assert "ra4_e3600" in fastest[0] and fastest[3] / max(table) == pytest.approx(times, abs=0.05)


def test_fine_print_of_the_last_table(computed):
    entrants = computed["entrants"]
    for column in ("rtx4090", "i7_12700h"):
        for goal in range(76, 86):
            fit = [row for row in entrants if row["top1"] >= goal and row[column]]
            assert max(fit, key=lambda row: row[column])["family"] != "EfficientNet"
    for goal, behind in ((78, 1.01), (79, 1.03)):
        fit = [row for row in entrants if row["top1"] >= goal and row["i7_12700h"]]
        b0 = max(row["i7_12700h"] for row in fit if row["model"] == "efficientnet_b0")
        assert round(max(row["i7_12700h"] for row in fit) / b0, 2) == behind
    others = [row for row in entrants if row["family"] != "MobileNetV4" and row["top1"] >= 80 and row["rtx3090"]]
    assert max(others, key=lambda row: row["rtx3090"])["model"] == "efficientnet_b1"


def test_more_images_give_convnext_tiny_less_than_a_point(computed):
    (alone,) = rows(computed, model="convnext_tiny", recipe="fb_in1k", resolution=224)
    (more,) = rows(computed, model="convnext_tiny", recipe="fb_in22k_ft_in1k", resolution=224)
    assert round(more["top1"] - alone["top1"], 1) == 0.8


def test_the_weights_of_2024_reach_79_and_81_percent_only_in_larger_images():
    top1 = {}
    for row in datasets.published("networks"):
        if row["family"] == "EfficientNet" and row["recipe"].startswith("ra4_e3600"):
            top1[row["model"], row["resolution"]] = row["top1"]
    assert top1["efficientnet_b0", 224] < 79 <= top1["efficientnet_b0", 256]
    assert top1["efficientnet_b1", 240] < 81 <= top1["efficientnet_b1", 288]


def test_the_plain_recipe_leaves_out_250_of_350_epochs():
    (released,) = [row["released_code"] for row in datasets.published("training_recipe") if row["setting"] == "epochs"]
    (plain,) = [row["recipe"] for row in datasets.published("reproductions") if "RegNet's authors" in row["label"]]
    assert released.startswith("about 350 ") and plain.startswith("SGD, 100 epochs")
    epochs = [int(re.search(r"\d+", text)[0]) for text in (released, plain)]
    assert epochs[0] - epochs[1] == 250
