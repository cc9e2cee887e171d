"""Packs what train.py made of the small network into the file that lessons open.

    python src/train.py cifar10 --full --variant small --epochs 26 --warmup 1 --rate 0.2 --shift 4 --decay 5e-4 \\
        --every 1000 --out runs/small
    python tools/pack_small.py runs/small

Writes data/small.npz: every variable by name, float16 where that costs only the usual rounding.
"""

import argparse
import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
from architecture import EfficientNet
from closed_output import ends_quietly
from convert_lite import compact, write_npz
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
def main(arguments=None):
    """Packs the run that is named. Returns the exit status."""
    description, *_ = __doc__.splitlines()
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("run", help="the folder that train.py wrote")
    chosen = parser.parse_args(arguments)
    output = DATA / "small.npz"
    try:
        pack(chosen.run, output)
    except (OSError, ValueError) as error:
        print(f"pack_small.py: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    print(f"{output}: {output.stat().st_size:,} bytes, sha256 {hashlib.sha256(output.read_bytes()).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
