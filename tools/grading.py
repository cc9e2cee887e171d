"""Grades submitted notebooks: starts `submission.py` for each, takes what it sends as data, compares, and marks.

A notebook cannot give itself a mark: what its functions return is compared here, in a process that runs none of its
code. Whatever a file is (no notebook, empty, hostile, endless) it gets a row.
"""

import builtins
import json
import os
import re
import signal
import threading
from dataclasses import dataclass, field
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np

from exercises import EXERCISES, answers, compared
from submission import work

ROOT = Path(__file__).resolve().parent.parent
START = 180  # seconds that TensorFlow may take to start, on an old laptop
PATIENCE = 6  # times the seconds that an answer may compute, on a machine that does other things as well
LARGEST_FILE = 25_000_000  # bytes; the largest lesson, run, has two million
LARGEST_MESSAGE = 30_000_000  # bytes of one result
SKIPPED = {".ipynb_checkpoints", "__MACOSX", "__pycache__"}

# what a mark can be, and what a teacher should make of it
STATES = {
    "right": "the answer gives the right result for all inputs",
    "wrong": "it ran, and some result differs",
    "not answered": "the cell is as it was handed out",
    "not finished": "a ... is left in it",
    "missing": "no function of that name is in the notebook",
    "syntax error": "its cell is no Python",
    "too slow": "a call took longer than the limit, and was stopped",
    "ended Python": "a call ended the process that it ran in",
    "not run": "it uses what no exercise needs: read it, and mark it by hand",
    "not judged": "the grader failed, through no fault of the answer: mark it by hand",
}


@dataclass
class Mark:
    """One exercise of one notebook. `line`: what `check` says; `source`: the code that was run."""

    number: str
    name: str
    state: str
    line: str = ""
    source: str = ""


@dataclass
class Graded:
    """One submitted file. `problem` says why it has no marks, if it has none."""

    file: str
    lesson: str = ""
    marks: list = field(default_factory=list)
    problem: str = ""

    @property
    def right(self):
        return sum(mark.state == "right" for mark in self.marks)

    @property
    def to_read(self):
        """The marks that only a person can give."""
        return [mark for mark in self.marks if mark.state in ("not run", "not judged", "ended Python")]


# ---------------------------------------------------------------- files


def submissions(folder):
    """The files of a folder and its folders that may be submissions, in order; hidden ones are left out."""
    found = []
    for path in sorted(Path(folder).rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part in SKIPPED for part in parts)
        if not hidden and (path.is_symlink() or not path.is_dir()):
            found.append(path)
    return found


def read_cells(path):
    """The sources of a notebook's code cells, and of its others. Raises ValueError, in one line, if it has none."""
    if path.is_symlink() or not path.is_file():
        raise ValueError("not a file: a link, or something that cannot be read.")
    if ".ipynb" not in path.name.lower():  # browsers save lesson.ipynb.txt
        raise ValueError(f"not a notebook: {path.suffix or 'a file without an ending'}; hand in a file .ipynb.")
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{path.stat().st_size / 1e6:,.0f} MB, at most {LARGEST_FILE // 10**6}: clear its outputs.")
    code, others = [], []
    try:
        data = path.read_bytes()
        for cell in json.loads(data.decode("utf-8-sig"))["cells"]:
            (code if cell["cell_type"] == "code" else others).append(_text(cell["source"]))
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, RecursionError, MemoryError):
        raise ValueError(f"not a notebook: {_what_it_is(data)}.") from None
    if not code:
        raise ValueError("a notebook without a code cell: hand in the lesson with your answers.")
    return code, others


def _what_it_is(data):
    """What a file is that has a notebook's name only, and what to do, in words."""
    start = data[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not data.strip():
        return "the file is empty; save it again, and look at its size before you hand it in"
    if start.startswith(b"<"):
        return "it is a web page; download the notebook itself"
    if start.startswith((b"pk", b"\x1f\x8b")):
        return "it is a packed archive; hand in what is inside"
    if not start.startswith((b"{", b"[")):
        return "it is a text, such as a program; in Jupyter or Colab, download as .ipynb"
    return "its text is not what Jupyter saves; save it again"


def _text(source):
    text = source if isinstance(source, str) else "".join(source)
    return text.encode("utf-8", "replace").decode("utf-8")  # half a character would stop what writes it


def lesson_of(sources, file, exercises):
    """The lesson that a notebook answers, by its checks and functions and not by its name; empty if it is none."""
    text, counts = "\n".join(sources), {}
    checked = {number.zfill(4) for number in re.findall(r"""^check\(\s*["'](\d?\d\.\d)["']""", text, re.MULTILINE)}
    defined = set(re.findall(r"^(?:def )?(\w+)(?=\(| = )", text, re.MULTILINE))
    for number, entry in exercises.items():
        found = (number in checked) + (entry.name in defined)
        counts[number[:2]] = counts.get(number[:2], 0) + found
    most = max(counts.values())
    best = [lesson for lesson, count in counts.items() if count == most and count > 0]
    named = [lesson for lesson in best if lesson in file]
    return (named or best or [""])[0]


# ---------------------------------------------------------------- the process


class Stopped(Exception):
    """The process that runs a notebook ended, or was ended. Its text is the state of the exercise."""


class Runner:
    """Runs answers in processes of their own. Where it can, one process starts TensorFlow, and is copied for each."""

    def __init__(self, seconds):
        self.seconds = seconds
        copies = "forkserver" in get_all_start_methods()
        self.context = get_context("forkserver" if copies else "spawn")
        if copies:
            self.context.set_forkserver_preload(["numpy", "architecture", "submission"])

    def run(self, sources, entries):
        """Yields, for each exercise, its entry, how it was found (a dict), the results, and how it was stopped."""
        entries = list(entries)
        while entries:
            done = 0
            for outcome in self._until_stopped(sources, entries):
                done += 1
                yield outcome
            entries = entries[done:]

    def _until_stopped(self, sources, entries):
        process, connection = self._start(sources, entries)
        try:
            for i, entry in enumerate(entries):
                found, results, stopped = {}, [], ""
                try:
                    message = self._receive(process, connection, PATIENCE * self.seconds if i else START)
                    found = message if isinstance(message, dict) else {}
                    for _ in entry.cases if found.get("state") == "answer" else ():
                        results.append(self._receive(process, connection, PATIENCE * self.seconds))
                except Stopped as end:
                    stopped = str(end)
                yield entry, found, results, stopped
                if stopped and not found and i == 0:  # it cannot even be read: it would not be the next time
                    yield from ((other, {}, [], stopped) for other in entries[1:])
                if stopped:
                    return
        finally:
            _kill(process)
            process.join()
            process.close()
            connection.close()

    def _start(self, sources, entries):
        jobs = []
        for entry in entries:
            jobs.append(dict(number=entry.number, name=entry.name, stub=entry.stub, cases=entry.cases))
        ours, theirs = self.context.Pipe(duplex=False)
        process = self.context.Process(target=work, args=(theirs, sources, jobs, self.seconds), daemon=True)
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT / "src", ROOT / "tools")))
        try:
            process.start()
        finally:
            os.environ.pop("PYTHONPATH")
            if before is not None:
                os.environ["PYTHONPATH"] = before
        theirs.close()  # so that its end is seen
        return process, ours

    def _receive(self, process, connection, seconds):
        """The next message. Raises Stopped if it does not come in time, or not at all, or is none."""
        try:
            ready = wait([connection, process.sentinel], seconds)
            if not ready:
                raise Stopped("too slow")
            if not connection.poll():  # a process that is gone may have left one behind that holds the line
                raise EOFError
            return json.loads(self._whole(process, connection))
        except (EOFError, OSError, ValueError, RecursionError):
            process.join(1)
            used_up = hasattr(signal, "SIGXCPU") and process.exitcode == -signal.SIGXCPU
            raise Stopped("too slow" if used_up else "ended Python") from None

    def _whole(self, process, connection):
        """A message that has begun to arrive. If its end does not come in time, the process is ended."""
        timer = threading.Timer(PATIENCE * self.seconds, _kill, [process])
        timer.start()
        try:
            return connection.recv_bytes(LARGEST_MESSAGE)
        finally:
            timer.cancel()


def _kill(process):
    """Ends a process and what it may have started."""
    if hasattr(os, "killpg"):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # gone, or not yet a group of its own
            pass
    process.kill()


# ---------------------------------------------------------------- marks


class Thing:
    """A result that is neither numbers nor text, as the words that describe it."""

    def __init__(self, words):
        self.words = words

    def __repr__(self):
        return self.words


def unpacked(message):
    """A result from what `submission.packed` made of it. Raises ValueError if it is nothing of that kind."""
    if not isinstance(message, dict):
        if isinstance(message, list):
            raise ValueError("a bare list")
        return message
    if "array" in message:
        kind = {"b": bool, "i": np.int64, "u": np.uint64, "f": float}[message["kind"]]
        array = np.array(message["array"], kind).reshape(message["shape"])
        return array if array.ndim else array.item()
    if "dict" in message:
        parts = [unpacked(part) for part in message["dict"]]
        half = len(parts) // 2
        return dict(zip(parts[:half], parts[half:]))
    for kind in (list, tuple):
        if kind.__name__ in message:
            return kind(unpacked(part) for part in message[kind.__name__])
    return Thing(str(message.get("object", "something"))[:60])


def received(message):
    """A value, or Raised, from a message of `submission.results`. Raises ValueError if it is neither."""
    if not isinstance(message, dict) or "raised" not in message:
        return unpacked(message)
    name, text = str(message["raised"]), str(message.get("text", ""))
    kind = getattr(builtins, name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception | SystemExit)):
        kind = type(name, (Exception,), {})
    error = kind.__new__(kind)
    error.args = (text,)
    return answers.Raised(error, str(message.get("line", "")))


def judge(entry, found, results, stopped):
    """The Mark of one exercise. Never raises."""
    state, name = str(found.get("state", "")), str(found.get("name", entry.name))[:60]
    mark = Mark(entry.number, name, "not judged", source=str(found.get("source", "")))
    plain = {"missing": "missing", "stub": "not answered", "syntax": "syntax error", "refused": "not run"}
    if state != "answer" or stopped == "ended Python":
        mark.state = plain.get(state) or stopped or "ended Python"
        mark.line = _said(mark, str(found.get("note", "")))
        return mark
    try:
        values = [received(result) for result in results]
        if stopped:
            values.append(answers.Raised(answers.TimeUp()))
        right, mark.line = compared(entry, values, is_open=found.get("open"))
    except Exception as error:
        mark.line = f"○ {entry.number} could not be judged: {type(error).__name__}. Mark it by hand."
        return mark
    if right:
        mark.state = "right"
    elif found.get("open"):
        mark.state = "not finished"
    else:
        mark.state = "too slow" if stopped else "wrong"
    return mark


def _said(mark, note):
    """One line about an answer that was not compared."""
    words = {
        "missing": f"no function {mark.name} is in the notebook",
        "not answered": f"not answered yet: {mark.name} is as it was handed out",
        "syntax error": f"{mark.name} is no Python: {note}",
        "not run": f"{mark.name} was not run: {note}",
        "ended Python": f"{mark.name} ended Python itself, or used up its memory: return the result",
        "too slow": f"{mark.name} could not even be read in time",
    }
    sign = "○" if mark.state in ("missing", "not answered", "not run") else "✗"
    return f"{sign} {mark.number} {words[mark.state]}."


def grade(path, file, runner):
    """Grades one file. Returns a Graded, whatever the file is. file: its name in the table."""
    graded = Graded(file)
    try:
        sources, others = read_cells(path)
    except ValueError as error:
        graded.problem = str(error)
        return graded
    graded.lesson = lesson_of(sources, path.name, EXERCISES)
    if not graded.lesson:
        graded.problem = "none of the series' exercises is in it: is it the right notebook?"
        return graded
    entries = [entry for number, entry in EXERCISES.items() if number[:2] == graded.lesson]
    for outcome in runner.run(sources, entries):
        graded.marks.append(judge(*outcome))
    for mark in graded.marks:
        if mark.state == "missing" and re.search(rf"^def {re.escape(mark.name)}\b", "\n".join(others), re.MULTILINE):
            mark.line = f"○ {mark.number} the cell of {mark.name} is text: make it a code cell again."
    return graded


def grade_all(folder, paths):
    """Yields the Graded of each of `paths`, submissions in a folder."""
    runner = Runner(answers.SECONDS)
    for path in paths:
        file = path.relative_to(folder).as_posix().encode("utf-8", "replace").decode("utf-8")
        yield grade(path, file, runner)


def table(graded):
    """The rows of marks.csv: one for each file, a column for each exercise."""
    most = max((len(one.marks) for one in graded), default=0)
    rows = []
    for one in graded:
        row = dict(file=_harmless(one.file), lesson=one.lesson)
        row |= dict(right=one.right if one.marks else "", of=len(one.marks) or "")
        row["to read"] = len(one.to_read) if one.marks else ""
        for i in range(most):
            row[f"exercise {i + 1}"] = one.marks[i].state if i < len(one.marks) else ""
        rows.append(row | dict(problem=one.problem))
    return rows


def _harmless(text):
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
