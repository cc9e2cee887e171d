"""A submitted notebook: its answers found, looked over, and called. All of it in a process that has nothing to lose.

`grading.py` starts that process, reads what it sends as data, compares, and kills it when it takes too long. Here no
solution is known. Two fences stand around an answer. It is read before it runs: `why_not` refuses what no exercise
needs, such as `os` or `open`. And while it runs, `fence` stops Python from writing files, starting programs, or
reaching the network. Neither is a prison; TEACHING.md says what that means for a class.
"""

import ast
import builtins
import json
import math
import os
import re
import symtable
import sys
import time
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import import_module
from numbers import Rational, Real

import numpy as np
from IPython.core.inputtransformer2 import TransformerManager

ALLOWED_IMPORTS = {"architecture", "collections", "fractions", "functools", "itertools", "keras", "math", "numpy"}
ALLOWED_IMPORTS |= {"random", "statistics"}
REFUSED_NAMES = set("open exec eval compile input breakpoint help globals locals vars setattr delattr".split())
REFUSED_ATTRIBUTES = set("os sys io subprocess socket shutil pathlib importlib builtins ctypes signal pickle".split())
REFUSED_ATTRIBUTES |= set("f_back f_globals f_builtins f_locals tb_frame tb_next gi_frame cr_frame ag_frame".split())
REFUSED_ATTRIBUTES |= set("get_file load_model save save_model save_weights load_weights tofile memmap f2py".split())
DEFAULTS = dict(np="numpy", math="math", keras="keras", layers="keras.layers")  # what a lesson has imported by then
DEFAULTS |= {name: f"architecture.{name}" for name in ("plan", "Scale", "compound_scale")}
LARGEST = 1_000_000  # numbers in a result; the largest right one has a few thousand
MEMORY = 2_000_000_000  # bytes that answers may add
IMPORTS = ast.Import | ast.ImportFrom
NOT_PARSED = (SyntaxError, ValueError, RecursionError, MemoryError)  # what ast.parse raises


@dataclass
class Found:
    """An answer as it was found. `state`: answer, missing, stub, syntax or refused; `open`: a ... is left in it."""

    state: str
    name: str
    note: str = ""
    source: str = ""
    open: bool = False


@dataclass
class Code:
    """What stands at the top level of a notebook's cells. `broken`: (source, message) of cells that are no Python."""

    names: dict = field(default_factory=dict)  # name -> its definitions: (node, its source), first to last
    checked: dict = field(default_factory=dict)  # number -> the name that check(number, name) is called with
    stars: list = field(default_factory=list)  # (node, source) of each `from math import *`
    computed: set = field(default_factory=set)  # names of what only running the notebook would give
    broken: list = field(default_factory=list)

    @classmethod
    def read(cls, cells):
        code = cls()
        for source in cells:
            try:
                source, nodes = parsed(source)
            except NOT_PARSED as error:
                line = getattr(error, "lineno", None)
                said = getattr(error, "msg", None) or type(error).__name__
                code.broken.append((source, f"{said}, line {line} of its cell" if line else said))
                continue
            for node in nodes:
                code.enter(node, source)
        return code

    def enter(self, node, source):
        """Notes what a statement defines: a function, a lambda, a plain value, or what it imports."""
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            self.define(node.name, node, "\n".join(source.splitlines()[first - 1 : node.end_lineno]))
        elif isinstance(node, IMPORTS):
            self.enter_import(node)
        elif value_named(node):
            self.define(value_named(node), node, ast.get_source_segment(source, node))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            self.enter_call(node.value)
        else:
            self.computed |= names_given(node)

    def enter_import(self, node):
        for alias in node.names:
            one = ast.Import([alias])
            if isinstance(node, ast.ImportFrom):
                one = ast.ImportFrom(node.module, [alias], node.level)
            if alias.name != "*":
                self.define((alias.asname or alias.name).split(".")[0], one, ast.unparse(one))
            elif (node.module or "").split(".")[0] in ALLOWED_IMPORTS:
                self.stars.append((one, ast.unparse(one)))

    def enter_call(self, call):
        arguments = [*call.args, None, None][:2]
        if getattr(call.func, "id", "") == "check" and isinstance(arguments[1], ast.Name):
            number = getattr(arguments[0], "value", None)
            if isinstance(number, str):
                self.checked[number.zfill(4)] = arguments[1].id

    def define(self, name, node, source):
        self.names.setdefault(name, []).append((node, source))

    def answer(self, number, name, stub):
        """The answer to one exercise: a Found. The last definition counts that is not the stub."""
        names = [self.checked[number], name] if number in self.checked else [name]
        untouched = shape(ast.parse(stub).body[0])
        for wanted in names:
            defined = [pair for pair in self.names.get(wanted, []) if not isinstance(pair[0], IMPORTS)]
            written = [pair for pair in defined if shape(pair[0]) != untouched]
            if written:
                return self._taken(wanted, *written[-1])
            for source, message in self.broken:
                if re.search(rf"^[ \t]*def {re.escape(wanted)}\b", source, re.MULTILINE):
                    return Found("syntax", wanted, message, source)
            if defined:
                return Found("stub", wanted)
            if wanted in self.computed:
                return Found("refused", wanted, f"write it as def {wanted}(...), beginning at the left margin")
        return Found("missing", name)

    def _taken(self, name, node, source):
        """The answer with all that it calls: helpers, plain values, imports."""
        known, pieces, waiting, reason = {name}, [(node, source)], [node], ""
        while waiting:
            for used in sorted(free_names(waiting.pop()) - known):
                known.add(used)
                if used in self.computed:
                    reason = f"it uses {used}, which only running the whole notebook would give"
                elif used in self.names:
                    helper, text = self.names[used][-1]
                    pieces.insert(0, (helper, text))
                    waiting.append(helper)
        pieces = [*self.stars, *sorted(pieces, key=lambda piece: isinstance(piece[0], ast.FunctionDef))]
        for piece, _ in pieces:
            reason = reason or why_not(piece)
        text = "\n\n\n".join(text for _, text in pieces)
        return Found("refused" if reason else "answer", name, reason, text, left_open(node))


def parsed(source):
    """(source, its statements), with the lines that only IPython knows, such as `%time` and `!ls`, as calls."""
    try:
        return source, statements(source)
    except NOT_PARSED:
        try:
            plain = TransformerManager().transform_cell(re.sub(r"\A\s*%%.*", "", source))  # %%time: the cell as it is
            return plain, statements(plain)
        except Exception:  # whatever IPython makes of it: the first error is the one that says most
            pass
        raise


def statements(source):
    """The statements of a piece of Python. Raises SyntaxError, also for what only compiling finds."""
    symtable.symtable(source, "<cell>", "exec")  # an argument named twice, a `global` that comes too late
    return ast.parse(source).body


def value_named(node):
    """The name that a statement gives to a lambda or to a plain value; empty if it does not."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    if not (isinstance(node, ast.Assign | ast.AnnAssign) and len(targets) == 1 and isinstance(targets[0], ast.Name)):
        return ""
    return targets[0].id if isinstance(node.value, ast.Lambda) or is_plain(node.value) else ""


def is_plain(node):
    """Whether an expression is a number, a text, a sum or a quotient of numbers, or a collection of them."""
    plain = ast.Constant | ast.UnaryOp | ast.BinOp | ast.Tuple | ast.List | ast.Set | ast.Dict
    plain |= ast.operator | ast.unaryop | ast.expr_context
    return node is not None and all(isinstance(part, plain) for part in ast.walk(node))


def names_given(node):
    """The names that a statement gives to something outside of functions and classes, as within `if` and `for`."""
    names, waiting = set(), [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(part.name)
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            names.add(part.id)
        elif not isinstance(part, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            waiting += ast.iter_child_nodes(part)
    return names


def free_names(node):
    """The names that a function or a value takes from outside."""
    names, waiting = set(), [symtable.symtable(ast.unparse(node), "<answer>", "exec")]
    while waiting:  # scope by scope: a name may be a comprehension's own, and from outside beside it
        scope = waiting.pop()
        waiting += scope.get_children()
        for symbol in scope.get_symbols():
            at_the_top = scope.get_type() == "module"
            from_outside = symbol.is_referenced() if at_the_top else symbol.is_global()
            if from_outside:
                names.add(symbol.get_name())
    return names - {getattr(node, "name", "")}


def shape(node):
    """A function's code as text, its docstring left out: what two copies of a stub have in common."""
    body = getattr(node, "body", [])
    start = 1 if body and ast.get_docstring(node, clean=False) is not None else 0
    return "\n".join(map(ast.dump, body[start:])) if body else ast.dump(node)


def left_open(node):
    """Whether a `...` is left, other than in an index."""
    indices = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Subscript):
            indices |= {id(inner) for inner in ast.walk(part.slice)}
    return any(getattr(part, "value", None) is ... and id(part) not in indices for part in ast.walk(node))


# ---------------------------------------------------------------- looking over


def why_not(node):
    """Why a piece of code is not run, in words; empty if there is no reason."""
    outside = free_names(node)
    for part in ast.walk(node):
        if isinstance(part, IMPORTS):
            modules = [alias.name for alias in part.names] if isinstance(part, ast.Import) else [part.module or "."]
            for module in modules:
                if module.split(".")[0] not in ALLOWED_IMPORTS:
                    return f"it needs {module}, which is not loaded for grading"
        for name in mentioned(part):
            private = name.startswith("__") or (name.startswith("_") and not isinstance(part, ast.Name | ast.arg))
            if private or name in REFUSED_ATTRIBUTES or name in REFUSED_NAMES & outside:
                return f"it uses {name}, which no exercise needs"
    return ""


def mentioned(part):
    """The names that a node of the syntax tree mentions."""
    if isinstance(part, ast.Name):
        return [part.id]
    if isinstance(part, ast.Attribute):
        return [part.attr]
    if isinstance(part, ast.alias):
        return part.name.split(".") + ([part.asname] if part.asname else [])
    if isinstance(part, ast.MatchClass):
        return part.kwd_attrs
    if isinstance(part, ast.FunctionDef | ast.ClassDef) and part.name.startswith("__"):
        return [part.name]
    return []


def safe_builtins():
    """Python's own functions, as an answer sees them."""
    known = {name: value for name, value in vars(builtins).items() if name not in REFUSED_NAMES}

    def guarded_getattr(thing, name, *default):
        if not isinstance(name, str) or name.startswith("_") or name in REFUSED_ATTRIBUTES:
            raise AttributeError(f"{name} is not available while grading")
        return getattr(thing, name, *default)

    def guarded_import(name, *others):
        if name.split(".")[0] not in ALLOWED_IMPORTS:
            raise ImportError(f"{name} is not loaded for grading")
        return __import__(name, *others)

    def leave(*_):
        raise SystemExit

    return known | dict(getattr=guarded_getattr, __import__=guarded_import, exit=leave, quit=leave)


def fence():
    """From here on this process writes no file, starts no program, opens no connection, and stays within its memory."""
    readable = tuple({os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, os.path.dirname(os.__file__))})
    refused = set("subprocess socket shutil ctypes urllib http ftplib smtplib webbrowser winreg".split())

    def listen(event, arguments):
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND):
                raise PermissionError("no file may be written while grading")
            if not os.path.realpath(os.fsdecode(path)).startswith(readable):
                raise PermissionError("no file may be read while grading")
        elif event.split(".")[0] in refused or (event.startswith("os.") and event not in ("os.listdir", "os.scandir")):
            raise PermissionError(f"{event} is not allowed while grading")

    try:
        import resource
    except ImportError:  # Windows
        pass
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if os.path.exists("/proc/self/statm"):
            with open("/proc/self/statm", encoding="utf-8") as file:
                pages = int(file.read().split()[0])
            limit = pages * resource.getpagesize() + MEMORY
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    sys.addaudithook(listen)


def allow(seconds):
    """Gives the process some seconds more of the processor. Others that keep it busy do not count."""
    try:
        import resource
    except ImportError:  # Windows: `grading.py` looks at the clock
        return
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + seconds, most))


# ---------------------------------------------------------------- calling


def work(connection, cells, exercises, seconds):
    """What the process does: sends, for each exercise, how it was found, and what each call gives.

    exercises: a list of dicts with number, name, stub and cases, the arguments of the calls. seconds: of the processor,
    which an exercise may use; where the system can count them, it then ends the process.
    """
    apart()
    code = Code.read(cells)
    answers = []
    for exercise in exercises:
        try:
            found = code.answer(exercise["number"], exercise["name"], exercise["stub"])
        except RecursionError:
            found = Found("refused", exercise["name"], "its code is nested too deeply")
        answers.append(found)
    scopes = [scope_of(found) for found in answers]
    fence()
    for exercise, found, scope in zip(exercises, answers, scopes):
        send(connection, vars(found))
        allow(seconds)
        if found.state == "answer":
            for result in results(found, scope, exercise["cases"]):
                send(connection, result)


def apart():
    """A session of its own, no screen, no keyboard, nothing of the teacher's environment."""
    if hasattr(os, "setsid"):
        os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    for name in set(os.environ) - {"PATH", "SYSTEMROOT", "TF_CPP_MIN_LOG_LEVEL"}:
        del os.environ[name]
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "2"  # each wants its own memory
    sys.dont_write_bytecode = True


def scope_of(found):
    """The names that an answer may use without importing them; TensorFlow starts only if it uses one of Keras's."""
    scope = dict(__builtins__=safe_builtins(), __name__="answer")
    used = re.findall(r"\w+", found.source) if found.state == "answer" else []
    if {"architecture", "keras", "layers"} & set(used):  # before the fence, and before time counts
        import_module("architecture")
        import_module("fresh_layers").biased().start()  # as in a lesson's check, and for as long as this process lives
        import_module("keras").ops.ones(1)
    for name in set(used) & set(DEFAULTS):
        module, _, attribute = DEFAULTS[name].partition(".")
        scope[name] = import_module(module)
        if attribute:
            scope[name] = getattr(scope[name], attribute)
    return scope


def results(found, scope, cases):
    """Yields what each call gives, as what JSON can hold."""
    function = None
    for args in cases:
        try:
            if function is None:
                exec(compile(found.source, "<answer>", "exec"), scope)
                function = scope[found.name]
            result = packed(function(*args))
        except BaseException as error:
            result = {"raised": type(error).__name__, "text": str(error)[:300], "line": line_of(error, found.source)}
        yield result


def line_of(error, source):
    """The line of the answer where an error started; empty if it did not start there."""
    trace, number = error.__traceback__, 0
    while trace:
        number = trace.tb_lineno if trace.tb_frame.f_code.co_filename == "<answer>" else number
        trace = trace.tb_next
    return source.splitlines()[number - 1].strip()[:200] if number else ""


def packed(value, depth=0):
    """A result as what JSON can hold: numbers, texts, None as they are; the rest as a dict that says what it was."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value[:LARGEST])
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        return value if abs(value) < 10**4000 else {"object": "a huge number"}
    if isinstance(value, list | tuple | dict) and depth < 8 and len(value) <= LARGEST:
        kind = next(kind.__name__ for kind in (list, tuple, dict) if isinstance(value, kind))
        parts = [*value.keys(), *value.values()] if kind == "dict" else value
        return {kind: [packed(part, depth + 1) for part in parts]}
    array = as_numbers(value)
    if array is None:
        return {"object": " ".join(repr(value).split())[:60]}
    return {"array": array.ravel().tolist(), "shape": list(array.shape), "kind": array.dtype.kind}


def as_numbers(value):
    """An array, a tensor, a Fraction or a number of NumPy as an array; None for anything else."""
    if isinstance(value, Rational | Decimal):
        value = np.float64(value)
    if not hasattr(value, "__array__") or not hasattr(value, "dtype"):
        return None
    array = np.asarray(value)
    if array.dtype.kind == "V" or str(array.dtype) == "bfloat16":
        array = array.astype("float32")
    objects = array.dtype.kind == "O" and all(isinstance(one, Real | Decimal) for one in array.flat)
    if objects or array.dtype == np.longdouble:  # `check` takes them, and JSON does not know them
        array = array.astype(float)
    return array if array.dtype.kind in "biuf" and array.size <= LARGEST else None


def send(connection, message):
    connection.send_bytes(json.dumps(message, default=repr).encode("utf-8"))
