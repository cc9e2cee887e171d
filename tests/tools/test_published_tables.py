"""networks.csv is what its rule gives, and the rule treats every family alike."""

import csv
from collections import defaultdict
from pathlib import Path

import pytest

import published_tables as tables
from datasets import published

TIMM = tables.PUBLISHED / "timm"
LEFT_OUT = {  # architectures that look like a family's and are not part of it: what was changed in them
    "pruned": "b1_pruned b2_pruned b3_pruned el_pruned es_pruned".split(),
    "experts": "cc_b0_4e cc_b0_8e cc_b1_8e".split(),
    "for the Edge TPU": "el em es".split(),
    "hybrids": "h_b5 x_b5".split(),
}


@pytest.fixture(scope="module")
def rows():
    return published("networks")


def timm(table):
    with open(TIMM / f"{table}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_committed_table_is_what_the_rule_gives(capsys):
    assert tables.main(["--check"]) == 0, capsys.readouterr().out


def test_a_changed_row_is_noticed(tmp_path, monkeypatch, capsys):
    changed = [dict(row, top1="99") if i == 7 else row for i, row in enumerate(tables.networks())]
    tables.write_rows(tmp_path / "networks.csv", changed)
    networks = tables.networks
    monkeypatch.setattr(tables, "networks", lambda: networks(TIMM))
    monkeypatch.setattr(tables, "PUBLISHED", tmp_path)
    assert tables.main(["--check"]) == 1 and "not what the rule gives" in capsys.readouterr().out


@pytest.mark.parametrize(
    "model, recipe, resolution, top1",
    [  # read off the published table by eye
        ("efficientnet_b0", "ra4_e3600_r224_in1k", 224, 78.568),
        ("efficientnet_b0", "ra4_e3600_r224_in1k", 256, 79.364),
        ("efficientnet_b1", "ra4_e3600_r240_in1k", 240, 80.404),
        ("efficientnet_b1", "ra4_e3600_r240_in1k", 288, 81.444),
        ("tf_efficientnet_b0", "in1k", 224, 76.542),
        ("tf_efficientnet_b0", "ns_jft_in1k", 224, 78.680),
    ],
)
def test_rows_that_a_reader_looks_for(rows, model, recipe, resolution, top1):
    found = [r for r in rows if (r["model"], r["recipe"], r["resolution"]) == (model, recipe, resolution)]
    assert len(found) == 1 and found[0]["top1"] == top1


def test_googles_weights_are_timed_with_native_padding(rows):
    for row in rows:
        if row["model"] == "tf_efficientnet_b0":
            assert (row["timed_as"], row["rtx3090_nchw"], row["i9_10940x"]) == ("efficientnet_b0", 6924.93, 100.41)
        if row["model"].startswith("tf_") and row["timed_as"] == row["model"]:
            twin = (row["model"].removeprefix("tf_"), str(row["resolution"]))
            for table in tables.SPEEDS.values():
                assert twin not in {(r["model"], r["infer_img_size"]) for r in timm(table)}, twin


def test_every_set_of_weights_and_every_size_of_a_member_is_there(rows):
    """The rule by another way: by name and size from timm's table, without patterns."""
    members = {row["model"] for row in rows}
    expected = {
        (row["model"], row["img_size"]) for row in timm("results-imagenet") if row["model"].split(".")[0] in members
    }
    assert {(f"{row['model']}.{row['recipe']}".rstrip("."), str(row["resolution"])) for row in rows} == expected


def test_what_a_family_leaves_out_is_known():
    """An architecture whose name begins like EfficientNet's, and is not one of its sizes, is in LEFT_OUT."""
    known = {f"efficientnet_{name}" for names in LEFT_OUT.values() for name in names}
    for row in timm("results-imagenet"):
        name = row["model"].split(".")[0].removeprefix("tf_")
        if name.startswith("efficientnet_") and tables.family_of(name) is None:
            assert name in known, name
        assert name not in known or tables.family_of(name) is None


def test_the_recipes_name_tells_the_data(rows):
    """in1k alone if nothing else is named; every other word for data was looked up in timm's model cards."""
    more = {"in12k", "in21k", "in22k", "jft", "ig1b", "yfcc100m", "laion2b", "laiona", "swag", "seer", "clip"}
    for row in rows:
        words = set(row["recipe"].split("_"))
        assert "in1k" in words
        assert (row["data"] == "more") == bool(words & more), row["recipe"]
        assert (row["distilled"] == "yes") == bool(words & {"ns", "ssl", "swsl"}), row["recipe"]


def test_each_family_has_its_smallest_and_largest_member(rows):
    names = defaultdict(set)
    for row in rows:
        names[row["family"]].add(row["model"])
    assert set(names) == set(tables.FAMILIES)
    assert {"efficientnet_b0", "tf_efficientnet_b7", "tf_efficientnet_l2"} <= names["EfficientNet"]
    assert {"mobilenetv4_conv_small", "mobilenetv4_hybrid_large"} <= names["MobileNetV4"]
    assert {"resnet18", "resnet152"} <= names["ResNet"] and {"resnet50d", "resnet200d"} <= names["ResNet-D"]
    assert {"tf_efficientnetv2_b0", "efficientnetv2_rw_t", "tf_efficientnetv2_xl"} <= names["EfficientNetV2"]
    assert {f"tinynet_{letter}" for letter in "abcde"} == names["TinyNet"]


def test_help_writes_nothing(capsys):
    before = Path(tables.PUBLISHED / "networks.csv").stat().st_mtime_ns
    with pytest.raises(SystemExit) as end:
        tables.main(["--help"])
    assert end.value.code == 0 and "The rule" in capsys.readouterr().out
    assert Path(tables.PUBLISHED / "networks.csv").stat().st_mtime_ns == before
