"""Do the tests notice a fault? Changes a module in one place after the other, and runs its tests against each change.

    python tools/mutate.py src/recipe.py                                 with tests/test_recipe.py
    python tools/mutate.py src/train.py tests/test_train.py --every 5    every fifth change, with the tests named

What no test notices is printed: a test is missing, or the change changes nothing. Texts are left as they are, and so is
what an error says. Each change is tested in a copy of the repository and in a copy of this process, which has loaded
Keras already; the known tools load it again for each change, and take hours. Needs fork: Linux or macOS.
"""

import argparse
import ast
import copy
import gc
import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
from command import ends_quietly
from start import native_log_off

ROOT = Path(__file__).resolve().parent.parent
OTHER = {  # in place of an operator
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult},
    **{ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.And: ast.Or},
    **{ast.Or: ast.And, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq},
    **{ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In},
    **{ast.USub: ast.UAdd, ast.Not: ast.UAdd},
}
TEXTS = ("help", "description", "metavar", "title", "prog", "stacklevel", "flush")  # keywords of what is only shown
LOADED = ("keras", "tensorflow", "PIL.Image", "matplotlib.pyplot", "pytest")


def mutants(source):
    """Yields (a line of text that says what is changed, the whole changed source) for each change."""
    tree = ast.parse(source)
    before = ast.unparse(tree).splitlines()
    for node in _places(tree):
        for edit in _edits(node):
            same = {}
            changed = copy.deepcopy(tree, same)
            edit(same[id(node)])
            text = ast.unparse(changed)
            pairs = zip(before, text.splitlines())
            shown = next((f"{old.strip()}  ->  {new.strip()}" for old, new in pairs if old != new), "")
            yield f"{getattr(node, 'lineno', 0):4}  {shown}", text


def _places(node):
    """The nodes below this one, but those of annotations, texts, and messages."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "exc", "msg", "decorator_list"):
            continue
        if isinstance(node, ast.Call) and name == "args" and getattr(node.func, "id", "") == "require":
            value = value[:1]
        for child in value if isinstance(value, list) else [value]:
            shown = isinstance(child, ast.JoinedStr) or isinstance(child, ast.keyword) and child.arg in TEXTS
            if isinstance(child, ast.AST) and not shown:
                yield from _places(child)


def _edits(node):
    """What may be changed in a node: functions that do it to a copy of the node."""
    if type(getattr(node, "op", None)) in OTHER:
        yield lambda n: setattr(n, "op", OTHER[type(n.op)]())
    if isinstance(node, ast.Compare):
        yield lambda n: n.ops.__setitem__(0, OTHER[type(n.ops[0])]())
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        yield lambda n: setattr(n, "value", not n.value if isinstance(n.value, bool) else n.value + 1)
    if isinstance(node, (ast.If, ast.IfExp, ast.While)) and not isinstance(node.test, (ast.Compare, ast.UnaryOp)):
        yield lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))
    if isinstance(node, ast.Return) and node.value is not None:
        yield lambda n: setattr(n, "value", ast.Constant(None))
    for place, keyword in enumerate(getattr(node, "keywords", [])):
        if keyword.arg not in TEXTS:
            yield lambda n, place=place: n.keywords.pop(place)
    for place, statement in enumerate(node.body if isinstance(getattr(node, "body", None), list) else []):
        kept = isinstance(statement, ast.Expr) and not isinstance(statement.value, ast.Call)  # a docstring, a yield
        if isinstance(statement, (ast.Expr, ast.AugAssign, ast.Raise, ast.Assert)) and not kept:
            yield lambda n, place=place: n.body.__setitem__(place, ast.Pass())


def passes(folder, tests, limit):
    """Whether the tests pass in a copy of the repository, in a copy of this process; None after `limit` seconds."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        signal.alarm(int(limit) + 2)  # also if this process is gone by then
        os.chdir(folder)
        for name, module in list(sys.modules.items()):
            if str(ROOT / "src") in str(getattr(module, "__file__", "")):
                del sys.modules[name]  # the tests must load the changed ones
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nowhere, number)
        options = ["-x", "-q", "-p", "no:cacheprovider"]
        options += ["-o", "addopts=--import-mode=importlib -m 'not slow'", f"--rootdir={folder}"]
        os._exit(sys.modules["pytest"].main([*options, *tests]))
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.02)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def tests_of(module):
    """Where the tests of a module are: tests/ is laid out as src/ and tools/ are."""
    folder, *inside = module.parent.parts
    return str(Path("tests", *(["tools"] if folder == "tools" else inside), f"test_{module.name}"))


def judge(module, tests, chosen):
    """Tests the chosen changes of a module, and prints those that no test notices. Returns the exit status."""
    with tempfile.TemporaryDirectory() as place:
        folder, start = Path(place, "series"), time.monotonic()
        left_out = shutil.ignore_patterns(".git", "__pycache__", "site", "runs")
        shutil.copytree(ROOT, folder, symlinks=True, ignore=left_out)
        source = (folder / module).read_text(encoding="utf-8")
        if not passes(folder, tests, 3600):
            print(f"mutate.py: {' '.join(tests)} fail without a change", file=sys.stderr)
            return 2
        limit, found = 10 + 3 * (time.monotonic() - start), []
        for number, (line, text) in enumerate(mutants(source)):
            if number < chosen.start or number % chosen.every:
                continue
            if time.monotonic() - start > chosen.seconds:
                print(f"stopped; go on with --start {number}")
                break
            (folder / module).write_text(text, encoding="utf-8")
            found.append(passes(folder, tests, limit))
            if found[-1]:
                print(f"{module} {line}", flush=True)
    noticed, late = found.count(False) + found.count(None), found.count(None)
    print(f"{module}: {noticed} of {len(found)} changes noticed, {late} of them by never ending", flush=True)
    return 0


@ends_quietly()
def main(arguments=None):
    """Tests the changes of a module. Returns the exit status: 0 done, 2 the tests fail without a change."""
    parser = argparse.ArgumentParser(description="Says which changes of a module its tests do not notice.")
    parser.add_argument("module", type=Path, help="such as src/recipe.py")
    parser.add_argument("tests", nargs="*", help="default: those that are laid out as the module is")
    parser.add_argument("--every", type=int, default=1, help="only each so many-th change")
    parser.add_argument("--start", type=int, default=0, help="the number of the first change")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    chosen = parser.parse_args(arguments)
    sys.dont_write_bytecode = True
    os.environ.update(PYTHONDONTWRITEBYTECODE="1", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    with native_log_off():
        for name in LOADED:
            importlib.import_module(name)
    gc.freeze()  # or the collector of each copy touches, and so copies, all that is loaded
    return judge(chosen.module, chosen.tests or [tests_of(chosen.module)], chosen)


if __name__ == "__main__":
    sys.exit(main())
