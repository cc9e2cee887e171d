"""The headlines of lesson 05 on the tables as they stand: a row that comes or goes and falsifies one is noticed."""

import json
from pathlib import Path

import numpy as np
import pytest

from architecture import Scale, plan
from datasets import measured, published

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks/05_accuracy_against_flops.ipynb"
NEWER_FAMILIES = {"EfficientNetV2", "ConvNeXt", "MobileNetV4"}
RECIPES_OF_2020 = {"in1k", "aa", "ap", "ra", "ra2", "pycls", "tv", "gluon", "rmsp", "am", "ram", "deit"}
MACHINES = {"gpu": "rtx3090", "server": "rtx4090", "i9": "i9_10940x", "laptop": "i7_12700h"}


@pytest.fixture(scope="module")
def text():
    """Everything that the notebook's cells say, without what they print."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells).replace("\n", " ")


@pytest.fixture(scope="module")
def rows():
    return networks()


def networks():
    """The rows that the lesson takes, with the time of an image on each machine in ms."""
    kept = [row for row in published("networks") if row["data"] == "in1k" and row["distilled"] == "no"]
    for row in kept:
        for name, column in MACHINES.items():
            row[name] = 1000 / row[column] if row[column] else None
    return kept


def is_new(row):
    return "ra4" in row["recipe"] or row["family"] == "MobileNetV4"


def four_tables(rows):
    known = [row for row in rows if row["family"] not in NEWER_FAMILIES]
    return [
        [row for row in known if row["recipe"].split("_")[0] in RECIPES_OF_2020],
        [row for row in rows if not is_new(row)],
        [row for row in rows if row["family"] != "MobileNetV4"],
        rows,
    ]


def unbeaten(rows, cost):
    """The frontier by comparing each row with all others; of equal rows one."""
    rows = [row for row in rows if row[cost]]
    x, y = np.array([row[cost] for row in rows]), np.array([row["top1"] for row in rows])
    found = {}
    for row in rows:
        no_worse = (x <= row[cost]) & (y >= row["top1"])
        better = (x < row[cost]) | (y > row["top1"])
        if not (no_worse & better).any():
            found.setdefault((row[cost], row["top1"]), row)
    return list(found.values())


def places(rows, cost):
    return sum(row["family"] == "EfficientNet" for row in unbeaten(rows, cost))


def fastest(rows, top1):
    return min((row for row in rows if row["gpu"] and row["top1"] >= top1), key=lambda row: row["gpu"])


def check_the_flip(rows):
    tables = four_tables(rows)
    assert [places(table, "gpu") for table in tables] == [11, 0, 1, 0]
    assert [places(table, "macs_B") for table in tables] == [15, 13, 11, 9]
    first = [fastest(table, 80) for table in tables]
    assert [row["family"] for row in first] == ["EfficientNet", "EfficientNetV2", "EfficientNet", "MobileNetV4"]
    b1 = first[2]
    assert (b1["model"], b1["resolution"], b1["recipe"][:9]) == ("efficientnet_b1", 240, "ra4_e3600")


def test_one_row_flips_the_conclusion_and_a_family_flips_it_back(rows, text):
    check_the_flip(rows)
    assert "EfficientNet's places on the frontier: eleven, none, one, none" in text
    assert "By MACs EfficientNet still has 13 places" in text and "By MACs it has 15, 13, 11, 9" in text
    table = four_tables(rows)[0]
    assert [len(unbeaten(table, cost)) for cost in ("macs_B", "gpu")] == [23, 30]
    assert "In its own time EfficientNet was good by both rulers" in text


@pytest.mark.parametrize("family, recipe", [("EfficientNet", "ra4"), ("MobileNetV4", ""), ("EfficientNetV2", "")])
def test_the_flip_is_noticed_when_rows_go(rows, family, recipe):
    fewer = [row for row in rows if row["family"] != family or not row["recipe"].startswith(recipe)]
    with pytest.raises(AssertionError):
        check_the_flip(fewer)


@pytest.mark.parametrize("family, recipe, top1", [("ResNet", "new", 81.0), ("EfficientNet", "aa", 82.4)])
def test_the_flip_is_noticed_when_a_row_comes(rows, family, recipe, top1):
    row = dict(family=family, model="new", recipe=recipe, resolution=224, top1=top1, macs_B=0.3, gpu=0.1)
    with pytest.raises(AssertionError):
        check_the_flip([*rows, row])


def test_how_firm_the_panels_are(rows, text):
    tables = four_tables(rows)
    found = {name: [places(table, name) for table in tables] for name in MACHINES}
    assert found["server"] == [8, 0, 0, 0] and found["i9"] == [7, 0, 0, 0] and found["laptop"] == [11, 2, 3, 2]
    assert "EfficientNet goes from 8 and 7 places to none, and stays there" in text and "it has 11, 2, 3, 2" in text
    first = fastest(tables[2], 80)
    second = fastest([row for row in tables[2] if row is not first], 80)
    assert (
        second["gpu"] / first["gpu"] == pytest.approx(1.02, abs=0.005)
        and "the fastest that reaches 80 %, by 2 %" in text
    )


def test_what_is_compared(rows, text):
    assert len(rows) == 290 and len({row["family"] for row in rows}) == 11 and "The 290 rows" in text
    assert "eleven families" in text


def test_equal_recipes_five_times_fewer_macs_save_a_sixth_of_the_time(rows, text):
    new = {(row["model"], row["resolution"]): row for row in rows if "ra4" in row["recipe"]}
    small, large = new["efficientnet_b1", 240], new["efficientnet_b1", 288]
    rival = new["resnet50d", 224]
    share = (rival["top1"] - small["top1"]) / (large["top1"] - small["top1"])
    ratios = {}
    for cost in ("macs_B", "gpu", "activations_M"):
        ratios[cost] = rival[cost] / (small[cost] ** (1 - share) * large[cost] ** share)
    assert ratios["macs_B"] == pytest.approx(5.2, abs=0.05) and ratios["gpu"] == pytest.approx(1.2, abs=0.05)
    assert round(ratios["activations_M"], 1) == 0.9 and "by activations a little slower" in text
    assert round(240 + 48 * share, -1) in (260, 270) and "as accurate as B1 between 240 and 288 pixels" in text
    assert "1.2 times. Five times fewer MACs save a sixth of the time." in text
    assert 1 - 1 / ratios["gpu"] == pytest.approx(1 / 6, abs=0.03)


def test_timm_measures_googles_weights_lower_than_google_printed():
    b0 = {row["recipe"]: row for row in published("networks") if row["model"] == "tf_efficientnet_b0"}
    assert [round(b0[recipe]["top1"], 1) for recipe in ("in1k", "aa_in1k", "ns_jft_in1k")] == [76.5, 76.9, 78.7]


def spread(rows, time, cost):
    timed = {(row["timed_as"], row["resolution"]): row for row in rows if row[time]}
    low, high = np.quantile([row[time] / row[cost] for row in timed.values()], [0.1, 0.9])
    return round(high / low, 1)


def test_on_a_gpu_time_follows_activations(rows, text):
    found = {time: (spread(rows, time, "macs_B"), spread(rows, time, "activations_M")) for time in MACHINES}
    assert found["gpu"] == (5.6, 1.8) and "per MAC varies 5.6-fold, the time per activation 1.8-fold" in text
    assert found["i9"] == (8.8, 3.4) and found["laptop"] == (3.5, 3.3) and "8.8 and 3.4; on the i7 3.5 and 3.3" in text
    per_activation = {}
    for family in ("EfficientNet", "EfficientNetV2", "ResNet-D", "ConvNeXt"):
        rates = [row["gpu"] / row["activations_M"] for row in rows if row["family"] == family and row["gpu"]]
        per_activation[family] = np.median(rates)
    assert max(per_activation.values()) / min(per_activation.values()) < 1.3, "four families, one line"


def test_efficientnet_gets_few_macs_done_in_a_second(rows, text):
    medians = {}
    for family in ("EfficientNet", "EfficientNetV2", "ResNet-D", "ConvNeXt"):
        done = [row["macs_B"] / row["gpu"] for row in rows if row["family"] == family and row["gpu"]]
        medians[family] = np.median(done)
    ours = medians.pop("EfficientNet")
    assert 2 * ours < min(medians.values()) and max(medians, key=medians.get) == "ResNet-D"
    assert "EfficientNet has few MACs, and gets few done in a second" in text


def test_three_people_choose(rows, text):
    for row in rows:
        row["MB"] = 4 * row["params_M"]
    chosen, gains = {}, {}
    for cost, limit in {"MB": 25, "laptop": 25, "server": 0.5}.items():
        fitting = [row for row in rows if row[cost] and row[cost] <= limit]
        best = max(fitting, key=lambda row: row["top1"])
        ours = max(row["top1"] for row in fitting if row["family"] == "EfficientNet")
        chosen[cost], gains[cost] = (best["family"], best["resolution"]), best["top1"] - ours
    assert chosen["MB"] == ("EfficientNet", 256) and chosen["laptop"][0] == "MobileNetV4"
    assert chosen["server"][0] == "ConvNeXt" and min(gains["laptop"], gains["server"]) > 1
    assert "The laptop gets a MobileNetV4 and the server a ConvNeXt, each more than a point above" in text


def test_training_alone_moves_b0(rows, text):
    new = {row["resolution"]: row["top1"] for row in rows if row["model"] == "efficientnet_b0" and is_new(row)}
    plain = next(row["top1"] for row in published("regnet") if row["model"] == "EfficientNet-B0")
    assert (plain, round(new[224], 1), round(new[256], 1)) == (75.1, 78.6, 79.4)
    assert min(row["top1"] for row in published("reproductions") if row["model"] == "EfficientNet-B0") == 68.69
    others = [row["top1"] for row in rows if row["model"].endswith("efficientnet_b0") and row["resolution"] == 224]
    assert plain < min(others) and max(others) == new[224] and "75.1 to 78.6 % by training alone" in text
    paper = {row["model"]: row["top1"] for row in published("table2_imagenet") if row["arxiv_version"] == "v5"}
    assert 3.5 > paper["EfficientNet-B2"] - paper["EfficientNet-B0"] and "more than the step from B0 to B2" in text
    student = [row["top1"] for row in published("google_checkpoints") if "Noisy" in row["training"]]
    assert 78.8 in student and "only 0.2 points below *Noisy Student*" in text


def test_table_2():
    rows = [row for row in published("table2_imagenet") if row["arxiv_version"] == "v5"]
    assert {row["model"] for row in unbeaten(rows, "macs_B")} == {f"EfficientNet-B{i}" for i in range(8)}
    assert len(rows) == 24
    rivals = [row["macs_B"] for row in rows if row["top1"] >= 80 and "Efficient" not in row["model"] and row["macs_B"]]
    assert min(rivals) == 13
    for row in published("flops_comparison"):
        macs = plan(row["model"].lower()).macs
        assert not row["pycls_macs"] or row["pycls_macs"] == pytest.approx(macs, rel=1e-4)
        at_288 = row["model"] == "B2"  # torchvision measures it there
        assert at_288 or row["torchvision_macs_B"] == pytest.approx(macs / 1e9, abs=0.006)
        assert -0.005 < row["timm_macs_B"] * 1e9 / macs - 1 < 0.04
        low = 1 - row["paper_macs_B"] * 1e9 / macs
        assert (0.019 < low < 0.045) == (row["model"] in ("B4", "B5", "B7"))
        assert (-0.02 < low < -0.015) == (row["model"] == "B1")


def test_batch_norm_and_swish_take_a_third_of_the_time(text):
    shares = {}
    for batch in (1, 16):
        times = {}
        for row in measured("latency_blocks"):
            if row["batch"] == batch:
                times[row["kind"]] = times.get(row["kind"], 0) + row["count"] * row["ms_median"]
        shares[batch] = (times["batch norm"] + times["swish"]) / sum(times.values())
        assert times["batch norm"] + times["swish"] > times["expand"] + times["project"] + times["top"]
    assert shares == pytest.approx({1: 0.324, 16: 0.391}, abs=0.005)
    assert "Batch norm and swish: a third of the layers' time" in text


def test_memory_in_training_is_activations(text):
    def images(network):  # 3 copies of what swish follows, 2 of what is projected, 1 more for SE
        total = sum(3 * conv.activations for conv in (network.stem, network.top))
        for block in network.blocks:
            expand = 3 * block.expand.activations if block.expand else 0
            total += expand + 4 * block.depthwise.activations + 2 * block.project.activations
        return 4 * total

    for name in ("b0", "b3", "b7"):
        assert 32 * images(plan(name)) > 20 * 16 * plan(name).params
    assert 44 * images(plan(Scale(1, 1, 256))) / 1e9 == pytest.approx(5, abs=0.1)
    assert "By this count they need 5 GB" in text
