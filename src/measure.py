"""The one entry to the experiments behind data/measured/, which go on where they were stopped.

python src/measure.py --help              what there is
python src/measure.py depthwise           adds the rows that its table does not have yet
python src/measure.py depthwise --quick   a short trial, which writes nothing
"""

import argparse
import ast
import sys
from importlib import import_module
from pathlib import Path

from command import fails_in_one_line
from start import native_log_off

EXPERIMENTS = ("depthwise", "gates", "scaling", "finetuning", "clocks", "export", "speed", "growth")


def protocol(name):
    """The docstring of an experiment, read without importing it: TensorFlow takes seconds to start."""
    path = Path(__file__).resolve().parent / "experiments" / f"{name}.py"
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def parse(arguments):
    """The experiment's name and its options, a Namespace."""
    parser = argparse.ArgumentParser(prog="measure.py", description="Fills the tables of data/measured/, row by row.")
    names = parser.add_subparsers(dest="experiment", metavar="NAME", required=True)
    for name in EXPERIMENTS:
        text = protocol(name)
        options = dict(help=text.splitlines()[0], description=text)
        command = names.add_parser(name, formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        command.add_argument("--quick", action="store_true", help="a short trial, which writes no table")
        if name == "scaling":
            shapes = ("depth", "width", "resolution", "compound")
            command.add_argument("--shapes", nargs="+", choices=shapes, default=shapes, help="these alone")
    return parser.parse_args(arguments)


@fails_in_one_line(OSError, RuntimeError)  # what is missing here: images, weights, a backend
def main(arguments):
    """Runs an experiment. Returns the exit status: 0 done, 2 it cannot run here, 130 stopped."""
    options = vars(parse(arguments))
    try:
        with native_log_off():
            experiment = import_module(f"experiments.{options.pop('experiment')}")
        experiment.main(**options)
    except KeyboardInterrupt:
        print("\nmeasure.py: stopped; the rows that are written stay, the same command goes on.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
