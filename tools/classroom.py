"""What a teacher runs: copies for learners and for the teacher, minutes to plan with, and marks.

    python tools/classroom.py student                 the learners' copy, without solutions and outputs
    python tools/classroom.py teacher                 the teacher's, with solutions, notes, and known mistakes
    python tools/classroom.py minutes                 how long each section takes
    python tools/classroom.py grade FOLDER            submitted notebooks -> marks.csv, and a feedback page each

TEACHING.md says how to use them.
"""

import argparse
import os
import re
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))
from command import fails_in_one_line


def grade(folder, out):
    """Grades a folder of submissions. Writes marks.csv, class.html and feedback/, complete after each file."""
    from atomic import rows_text, write_atomically
    from start import native_log_off

    with native_log_off():  # they start TensorFlow
        from feedback import class_page, feedback_page
        from grading import grade_all, submissions, table
        from recipe import progress

    def write(path, text):
        # half a character, as an answer may send it, becomes a question mark
        write_atomically(path, lambda file: file.write(text.encode("utf-8", "replace")))

    folder = Path(folder)
    out = Path(out) if out else folder.with_name(f"{folder.resolve().name}_marks")
    if not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is no folder; allowed: the one with the submitted notebooks.")
    if out.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{str(out)!r} lies among the submissions; name a folder elsewhere with --out.")
    paths = submissions(folder)
    if not paths:
        raise ValueError(f"{str(folder)!r} holds no file; put the submitted notebooks into it.")
    graded, pages, start = [], set(), time.perf_counter()
    for one in grade_all(folder, paths):
        graded.append(one)
        name = page_name(one.file, pages)
        pages.add(name)
        write(out / "feedback" / name, feedback_page(one))
        write(out / "marks.csv", "\ufeff" + rows_text(table(graded)))  # the mark tells Excel that it is UTF-8
        progress(f"{len(graded)} of {len(paths)}: {one.file:30.30}", start, len(graded) / len(paths))
    write(out / "class.html", class_page(graded))
    print(f"\n{len(graded)} files, {sum(bool(one.marks) for one in graded)} with marks: {out / 'marks.csv'}")


def page_name(file, taken):
    """A name for the feedback page of a file, safe on every system, that is not taken yet."""
    stem = re.sub(r"[^\w.-]+", "_", file.removesuffix(".ipynb"))[-80:].strip("._") or "page"
    number, name = 1, f"{stem}.html"
    while name.casefold() in {other.casefold() for other in taken}:
        number += 1
        name = f"{stem}_{number}.html"
    return name


def copy(kind, out, answers):
    """Writes the copy for learners or for the teacher, and says how large it is."""
    from class_copies import make_student, make_teacher

    out = Path(out or ROOT / "classroom" / kind)
    if kind == "student":
        make_student(out, answers)
    else:
        make_teacher(out)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: {len(list((out / 'notebooks').glob('*.ipynb')))} lessons, {size / 1e6:.0f} MB")


def minutes():
    """Prints the minutes of each section of each lesson."""
    from class_copies import minutes_table
    from execute import read

    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        print(f"## {path.stem}\n")
        print("\n".join(minutes_table(read(path))), end="\n\n")


@fails_in_one_line(OSError, ValueError)
def main(arguments=None):
    """Does what is asked for. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Copies of the series for a class, minutes to plan with, and marks.")
    commands = parser.add_subparsers(dest="command", required=True)
    student = commands.add_parser("student", help="the learners' copy, without solutions and outputs")
    student.add_argument(
        "--without-answers", action="store_true", help="take out the folded answers to predictions, too"
    )
    teacher = commands.add_parser("teacher", help="the teacher's copy: solutions, notes, known mistakes")
    commands.add_parser("minutes", help="how long each section takes, as Markdown")
    marks = commands.add_parser("grade", help="submitted notebooks -> marks.csv, and a feedback page each")
    marks.add_argument("folder", type=Path, help="the folder with the submitted notebooks; folders in it count")
    for command in (student, teacher, marks):
        command.add_argument("--out", type=Path, help="the folder to write; it has a default")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if options.command == "grade":
        grade(options.folder, options.out)
    elif options.command == "minutes":
        minutes()
    else:
        copy(options.command, options.out, not getattr(options, "without_answers", False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
