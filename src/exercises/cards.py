r"""Cards: how an exercise is written down, and what is worked out from it.

    01.1 recall: Count a convolution       number, kind, title: recall, modify or build,
                                           derive or decide
    def pixels(size, stride):              the solution; guillemets mark what the learner writes: with `...` in their
        return «math.ceil(size / stride)»  place it is the stub, so the two cannot drift apart
    ? Round up.                            a hint; each says more than the one before
    > (7, 2), (8, 2)                       the arguments of the calls that are compared; `rng` makes random ones
    = -(-size // stride)                   the oracle: the right result, known from elsewhere (the plan, NumPy, another
                                           formula), so that a wrong solution cannot prove itself
    ✗ math.ceil(size / stride) -> size // stride # that was rounded down; round up
    ✓ right for 2 sizes.                   what a right answer is told

A ✗ row is a mistake: a text of the solution, what a learner writes instead, and what to tell them. Several edits are
set apart by `;`, and without an arrow, the row replaces the only gap. A check runs the edited solutions, and names the
one that gives what the learner's function gives: nothing else has to be written for a mistake. A return inside a loop,
= for += and missing brackets need no row at all: `slips` works them out.

Two rows are rare. `→ kernel, bias` names the parts of a result that is a tuple; `→ a, b # view` says too which function
turns results into these parts, where many are right. `~ old -> new` is an edit that gives another right answer;
the mistakes are known in it as well.

A line that begins with spaces goes on with the row above. Rows > and = are Python, and know the names below.
"""

import math
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from start import native_log_off

with native_log_off():
    import keras

from architecture import Conv, Scale, compound_scale, plan
from arguments import require
from exercises.answers import Raised, attempt, define, same_results
from exercises.slips import slips

SIGNS = "?>=→✗~✓"
SCOPE = dict(np=np, math=math, keras=keras, layers=keras.layers)  # what a lesson has imported by then
SCOPE |= dict(plan=cache(plan), Scale=Scale, compound_scale=compound_scale)
ORACLES = SCOPE | dict(Conv=Conv, Raised=Raised)
EXERCISES = {}


def enter_cards(cards, functions):
    """Enters the exercises of a lesson in EXERCISES. functions: a dict of those which oracles and views call."""
    for card in re.split(r"^(?=\d\d\.\d )", cards, flags=re.MULTILINE)[1:]:
        head, body = card.strip().split("\n", 1)
        number, kind, title = re.fullmatch(r"(\S+) (\w+): (.+)", head).groups()
        source, *lines = re.split(rf"^(?=[{SIGNS}] )", body, flags=re.MULTILINE)
        rows = {sign: [" ".join(line[2:].split()) for line in lines if line[0] == sign] for sign in SIGNS}
        EXERCISES[number] = Exercise(number, kind, title, source.strip(), rows, functions)


@dataclass(frozen=True)
class Exercise:
    """A card. rows: texts, by their signs. functions: a dict of those that the rows may call."""

    number: str
    kind: str
    title: str
    source: str
    rows: dict
    functions: dict

    @property
    def name(self):
        return re.search(r"^def (\w+)", self.source, re.MULTILINE)[1]

    @property
    def solution(self):
        return self.source.replace("«", "").replace("»", "")

    @property
    def stub(self):
        return re.sub("«.*?»", "...", self.source, flags=re.DOTALL)

    @property
    def hints(self):
        return tuple(self.rows["?"])

    @property
    def praise(self):
        return self.rows["✓"][0]

    @property
    def returns(self):
        """The names of the parts of a result that is a tuple; none for other results."""
        return tuple(name for row in self.rows["→"] for name in row.partition(" # ")[0].split(", "))

    @property
    def mistakes(self):
        """Of each mistake, the solution with it, and what to tell."""
        rows = [row.split(" # ") for row in self.rows["✗"]]
        return [(self.edited(edits), message) for edits, message in rows]

    @property
    def unnamed_mistakes(self):
        """(source, message) of mistakes that no card names: each ✗ row within another right answer, where its text is
        still there, and the slips of `exercises.slips`.
        """
        found = []
        for other, results in zip(self.rows["~"], self.right[1:]):
            if not same_results(results, self.right[0]):  # else the mistakes give the same, too
                found += self._mistakes_in(other)
        return [*found, *slips(self.solution)]

    def _mistakes_in(self, other):
        for row in self.rows["✗"]:
            edits, message = row.split(" # ")
            with suppress(ValueError):
                yield self.edited(f"{other}; {edits}"), message

    @property
    def others(self):
        """Other right answers."""
        return [self.edited(edits) for edits in self.rows["~"]]

    def edited(self, edits):
        """The solution with edits. Raises ValueError unless each text to be replaced stands there exactly once."""
        source = self.solution
        for edit in edits.split("; "):
            old, _, new = f" {edit} ".rpartition(" -> ")  # the spaces: an arrow may stand at the end, before nothing
            old = old.strip() or re.search("«(.*?)»", self.source)[1]  # without an arrow, the only gap
            require(source.count(old) == 1, f"{self.number}: the text to edit", old, "what stands there exactly once")
            source = source.replace(old, new.strip())
        return source

    @cached_property
    def cases(self):
        """The arguments of the calls that are compared: a list of tuples."""
        return eval(f"[{self.rows['>'][0]}]", SCOPE | dict(inf=math.inf, rng=np.random.default_rng(0)))

    @cached_property
    def right(self):
        """Of each right answer, what it gives in each case; first of all, the oracle's."""
        head = re.search(r"^def .*", self.source, re.MULTILINE)[0]
        oracle = define(f"{head}\n    return {self.rows['='][0]}", self.name, ORACLES | self.functions)
        return [[self.parts(oracle(*args)) for args in self.cases], *map(self.run, self.others)]

    @cached_property
    def wrong(self):
        """Of each mistake, and then of each slip that matters, what it gives in each case, and what to tell."""
        found = [(self.run(source), message) for source, message in self.mistakes]
        for source, message in self.unnamed_mistakes:
            results = self.run(source)
            if not any(same_results(results, right) for right in self.right):
                found.append((results, message))
        return found

    def run(self, source):
        """What a function, given as source, gives in each case."""
        function = define(source, self.name, SCOPE)
        return [self.parts(attempt(function, args)) for args in self.cases]

    def parts(self, result):
        """A result as a tuple of its parts; one that has not as many as it should is a single part."""
        if isinstance(result, Raised) or not self.returns:
            return (result,)
        try:
            view = self.rows["→"][0].partition(" # ")[2]
            parts = tuple(self.functions[view](result) if view else result)
        except Exception:
            return (result,)
        return parts if len(parts) == len(self.returns) else (result,)
