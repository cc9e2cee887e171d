"""Packs what train.py made of the small network into the file that lessons open.

    python src/train.py cifar10 --full --variant small --epochs 26 --warmup 1 --rate 0.2 --shift 4 --decay 5e-4 \\
        --every 1000 --out runs/small
    python tools/pack_small.py runs/small

Writes data/small.npz: every variable by name, float16 where that costs only the usual rounding.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
from architecture import EfficientNet
from command import ends_quietly, fails_in_one_line
from convert_lite import announce, compact, write_npz
from datasets import DATA
from mini import SMALL


def pack(run, output):
    """Writes the weights of the folder `run` as the .npz `output`. Raises OSError or ValueError if it is none."""
    model = EfficientNet(SMALL, classes=10)
    model.load_weights(Path(run) / "final.weights.h5")
    arrays = {}
    for layer in model.layers:
        for variable in layer.weights:
            path = f"{layer.name}/{variable.name}"
            arrays[path] = compact(path, variable.numpy())
    write_npz(output, arrays)


@ends_quietly()
@fails_in_one_line(OSError, ValueError)
def main(arguments=None):
    """Packs the run that is named. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="the folder that train.py wrote")
    output = DATA / "small.npz"
    pack(parser.parse_args(arguments).run, output)
    announce(output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
