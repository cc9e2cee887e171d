"""Derives data/published/networks.csv, which lessons compare families by, from timm's whole tables, by a rule.

    python tools/published_tables.py            writes the table
    python tools/published_tables.py --check    only says whether it is what the rule gives

The rule, the same for every family
- A network belongs to a family if its architecture's name matches the family's pattern in FAMILIES, whole. A pattern
  takes every size of the family, so no size is picked by hand.
- Every set of weights and every image size that timm lists for it makes a row: recipes of all years, old and new.
- `data` is what the weights were trained on: in1k (ImageNet-1k alone), or more, which the part of the name behind the
  dot says. `distilled` says whether a teacher that saw more was used. The first rule of the lessons keeps the rows with
  in1k and no teacher; the second keeps them all.
- Networks whose name begins with tf_ have Google's weights and TensorFlow's asymmetric padding, which timm runs more
  slowly. Time depends on the layers and not on the weights, so it is that of the network with native padding at the
  same image size, where timm timed one; `timed_as` names the network that was timed.
- Speeds are images per second; a network that was not timed at its image size has none, and no MACs or activations.

Origin: huggingface/pytorch-image-models at commit aa4b585 (August 2026), folder results/, Apache-2.0; copied unchanged
to data/published/timm/. Its authors note that ImageNet's validation set was used to select among models.
"""

import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from atomic import read_rows, write_rows
from command import fails_in_one_line

PUBLISHED = Path(__file__).resolve().parent.parent / "data" / "published"
ORIGIN = "huggingface/pytorch-image-models@aa4b585 results/, by tools/published_tables.py"
FAMILIES = {  # family -> pattern of the architecture's whole name, without the prefix tf_
    "EfficientNet": r"efficientnet_(b\d|l2)",
    "EfficientNet-Lite": r"efficientnet_lite\d",
    "EfficientNetV2": r"efficientnetv2_(b\d|s|m|l|xl|rw_t|rw_s|rw_m)",
    "MobileNetV2": r"mobilenetv2_\d+d?",
    "MobileNetV3": r"mobilenetv3_(small|large|rw)(_\d+d?)?",
    "MobileNetV4": r"mobilenetv4_(conv|hybrid|conv_aa|conv_blur)_(small|medium|large)(_\d+)?",
    "ResNet": r"resnet(18|34|50|101|152)",
    "ResNet-D": r"resnet(18|34|50|101|152|200)d",
    "RegNet": r"regnet[xy]_\d+(_tv)?",
    "ConvNeXt": r"convnext_(zepto_rms|atto|femto|pico|nano|tiny|small|base|large|xlarge)(_ols)?",
    "TinyNet": r"tinynet_[a-e]",
}
MORE_DATA = re.compile(r"in12k|in21k|in22k|jft|ig1b|yfcc100m|laion\w|swag|seer")
TEACHER = re.compile(r"^ns_|distilled|teacher|ssl_|swsl_")  # Noisy Student, and labels that a larger network gave
ACCURACIES = {  # column of top-1 in % -> timm's table
    "top1": "results-imagenet",
    "real": "results-imagenet-real",
    "v2": "results-imagenetv2-matched-frequency",
    "a": "results-imagenet-a",
    "a_clean": "results-imagenet-a-clean",
    "r": "results-imagenet-r",
    "r_clean": "results-imagenet-r-clean",
    "sketch": "results-sketch",
}
SPEEDS = {  # column of images per second -> timm's table; batches of up to 1,024 on the GPUs, of 1 on the CPUs
    "rtx3090": "benchmark-infer-amp-nhwc-pt240-cu124-rtx3090",
    "rtx3090_nchw": "benchmark-infer-amp-nchw-pt240-cu124-rtx3090",
    "rtx4090": "benchmark-infer-amp-nchw-pt291-cu128-4090",
    "i9_10940x": "benchmark-infer-fp32-nchw-pt240-cpu-i9_10940x-dynamo",
    "i7_12700h": "benchmark-infer-fp32-nchw-pt240-cpu-i7_12700h-dynamo",
}


def family_of(architecture):
    """The family of an architecture's name, or None."""
    for family, pattern in FAMILIES.items():
        if re.fullmatch(pattern, architecture.removeprefix("tf_")):
            return family
    return None


def networks(folder=PUBLISHED / "timm"):
    """The rows of networks.csv, best top-1 first: a list of dicts of text."""
    accuracies = {column: by_size(folder / f"{table}.csv", "img_size") for column, table in ACCURACIES.items()}
    speeds = {column: by_size(folder / f"{table}.csv", "infer_img_size") for column, table in SPEEDS.items()}
    rows = []
    for (model, size), found in accuracies["top1"].items():
        architecture, _, recipe = model.partition(".")
        if family_of(architecture):
            row = dict(family=family_of(architecture), model=architecture, recipe=recipe)
            row |= dict(data="more" if MORE_DATA.search(recipe) else "in1k")
            row |= dict(distilled="yes" if TEACHER.search(recipe) else "no")
            row |= dict(
                resolution=size,
                top5=found["top5"],
                crop_pct=found["crop_pct"],
                params_M=found["param_count"].replace(",", ""),
            )
            for column, table in accuracies.items():
                row[column] = table.get((model, size), {}).get("top1", "")
            rows.append(row | costs(architecture, size, speeds) | dict(source=ORIGIN))
    return sorted(rows, key=lambda row: (-float(row["top1"]), row["model"], row["recipe"]))


def by_size(path, column):
    """{(model, image size): row} of one of timm's tables."""
    return {(row["model"], row[column]): row for row in read_rows(path)}


def costs(architecture, size, speeds):
    """MACs, activations and speeds of an architecture at an image size; "" for what timm did not measure."""
    native = architecture.removeprefix("tf_")
    timed = native if any((native, size) in table for table in speeds.values()) else architecture
    rows = {column: table.get((timed, size), {}) for column, table in speeds.items()}
    first = next((row for row in rows.values() if row), {})
    found = dict(macs_B=first.get("infer_gmacs", ""), activations_M=first.get("infer_macts", ""))
    found["timed_as"] = timed if first else ""
    for column, row in rows.items():
        found[column] = row.get("infer_samples_per_sec", "")
    return found


@fails_in_one_line(ValueError, OSError)
def main(arguments=None):
    """Writes or checks the table. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the table would change")
    options = parser.parse_args(arguments)
    path, rows = PUBLISHED / "networks.csv", networks()
    if options.check:
        same = read_rows(path) == rows
        print(f"{path.name} is {'what the rule gives' if same else 'not what the rule gives: run without --check'}.")
        return int(not same)
    write_rows(path, rows)
    print(f"{path.name}: {len(rows)} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
