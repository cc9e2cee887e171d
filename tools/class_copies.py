"""Copies of the series for a class: one for learners, without solutions and outputs, and one for the teacher.

Both run by themselves. In the learners' copy the solutions are encoded, because the checks need them. That hides them
from a glance, and from nobody who wants them.
"""

import ast
import base64
import io
import re
import shutil
import tokenize
import zlib
from pathlib import Path

import nbformat

from execute import normalise
from lint import CHECK_CALL, count_words

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("notebooks", "src", "data", "imgs", "LICENSE", "requirements.txt", "requirements-extras.txt")
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "cache", "*.part", "*.lock", ".git*")
# for one exercise, to plan with: a guess that nobody measured
MINUTES = dict(recall=5, modify=8, build=15, derive=10, decide=8)
