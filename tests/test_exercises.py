"""Every exercise: the solution, another right answer, the stub, and wrong answers whose message names the mistake."""

import math
import re

import numpy as np
import pytest

import exercises
from architecture import plan
from exercises import EXERCISES, KINDS, cell, check, find, hint, solution, stub, verdict

SCOPE = dict(np=np, math=math, plan=plan)  # what a lesson has imported by then


def define(source, name):
    scope = dict(SCOPE)
    exec(source, scope)
    return scope[name]


def edited(number, *replacements):
    """The solution with a mistake in it: each pair replaces a piece of text that must be there."""
    source = find(number).solution
    for old, new in replacements:
        assert old in source, (number, old)
        source = source.replace(old, new)
    return define(source, find(number).name)


def softmax(x):
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def top_k_sorted(logits, k):
    pairs = sorted(zip(softmax(logits).tolist(), range(len(logits))), reverse=True)[:k]
    return [i for _, i in pairs], [p for p, _ in pairs]


def depthwise_shifted(image, kernels):
    k, out = len(kernels), np.zeros_like(image)
    padded = np.pad(image, [(k // 2, k // 2), (k // 2, k // 2), (0, 0)])
    for i, j in np.ndindex(k, k):
        out += kernels[i, j] * padded[i : i + image.shape[0], j : j + image.shape[1]]
    return out


def grouped_params_other(kernel, inputs, filters, groups):
    per_group, rest = divmod(inputs, groups)
    if rest or filters / groups != filters // groups:
        raise ValueError("uneven")
    return sum(kernel * kernel * per_group for _ in range(filters))


def rank_one_eigen(kernel):
    k, _, channels, n = kernel.shape
    deep, point = np.zeros((k, k, channels, 1)), np.zeros((1, 1, channels, n))
    for c in range(channels):
        matrix = kernel[:, :, c].reshape(-1, n)
        direction = np.linalg.eigh(matrix.T @ matrix)[1][:, -1]
        deep[:, :, c, 0], point[0, 0, c] = -(matrix @ direction).reshape(k, k), -direction
    return deep, point


# another right answer, written differently
OTHERS = {
    "00.1": lambda limit: max((n for n in (f"b{i}" for i in range(8)) if plan(n).macs < limit),
                              key=lambda n: plan(n).params, default=None),
    "00.2": lambda features, kernel, class_index: np.einsum("hwc,c->hw", features, kernel[:, class_index]),
    "00.3": top_k_sorted,
    "01.1": lambda size, kernel, inputs, filters, stride, groups=1:
        (-(-size // stride)) ** 2 * kernel * kernel * (inputs / groups) * filters,
    "01.2": depthwise_shifted,
    "01.3": grouped_params_other,
    "01.4": lambda kernel, filters: (kernel**2 + filters) / (kernel**2 * filters),
    "01.5": rank_one_eigen,
}  # fmt: skip

# exercise: (wrong answer, words that name the mistake)
WRONG = [
    ("00.1", edited("00.1", (".macs", ".params")), r"parameters were compared"),
    ("00.1", edited("00.1", ("< limit", "<= limit")), r"exactly.*< and not <="),
    ("00.1", edited("00.1", ("answer = name", "return name")), r"'b0', but b3 fits too"),
    ("00.1", lambda limit: plan("b3"), r"one of the names"),
    ("00.1", lambda limit: None, r"the answer here is 'b3'"),
    ("00.2", edited("00.2", ("kernel[:, class_index]", "kernel[class_index]")), r"a class is a column"),
    ("00.2", edited("00.2", ("features @ weights", "features.mean((0, 1)) @ weights")), r"do not average"),
    ("00.2", edited("00.2", ("features @ weights", "np.maximum(features @ weights, 0)")), r"no ReLU"),
    ("00.2", edited("00.2", ("features @ weights", "features @ kernel")), r"maps of all classes"),
    ("00.3", edited("00.3", (" - logits.max()", "")), r"subtract the largest logit"),
    ("00.3", edited("00.3", ("(-probabilities)", "(probabilities)")), r"least likely"),
    ("00.3", edited("00.3", ("(-probabilities)[:k]", "(probabilities)[-k:]")), r"best first"),
    ("00.3", edited("00.3", ("return best, probabilities[best]",
                             "return best, probabilities[best] / probabilities[best].sum()")), r"over all classes"),
    ("00.3", edited("00.3", (" / exponentials.sum()", "")), r"divide by the sum of the exponentials"),
    ("00.3", edited("00.3", ("best, probabilities[best]", "best, logits[best]")), r"softmax comes first"),
    ("00.3", lambda logits, k: np.argsort(-logits)[:k], r"not two arrays"),
    ("01.1", edited("01.1", ("math.ceil(size / stride)", "size // stride")), r"round up"),
    ("01.1", edited("01.1", (" // groups", "")), r"groups are missing"),
    ("01.1", edited("01.1", ("kernel**2", "kernel")), r"square it"),
    ("01.1", edited("01.1", ("output_size**2 *", "size**2 *")), r"pixels of the output"),
    ("01.1", edited("01.1", ("* filters *", "* filters // groups *")), r"divided by groups twice"),
    ("01.1", edited("01.1", ("return ", "return 2 * ")), r"are one MAC"),
    ("01.2", edited("01.2", ("k, channel]", "k]"), ("kernels[:, :, channel]", "kernels")), r"one channel, not all"),
    ("01.2", edited("01.2", ("kernels[:, :, channel]", "kernels[::-1, ::-1, channel]")), r"upside down"),
    ("01.2", edited("01.2", ("kernels[:, :, channel]", "kernels[:, :, 0]")), r"its own kernel"),
    ("01.2", edited("01.2", ("np.sum(", "np.mean(")), r"mean over the window"),
    ("01.2", edited("01.2", ("(0, 0)])", "(0, 0)], mode='edge')")), r"border was repeated"),
    ("01.2", edited("01.2", ("padded[y", "image[y")), r"raised ValueError"),
    ("01.3", edited("01.3", ("(inputs // groups)", "inputs")), r"that is the dense convolution"),
    ("01.3", edited("01.3", ("* filters", "* (filters // groups)")), r"that is one group"),
    ("01.3", edited("01.3", (" and filters % groups == 0", "")), r"divides inputs, not filters.*must raise ValueError"),
    ("01.3", edited("01.3", ("if not fits", "if False")), r"gave .*must raise ValueError"),
    ("01.4", lambda kernel, filters: 1 / (1 / filters + 1 / kernel**2), r"turn it over"),
    ("01.4", edited("01.4", ("kernel**2", "kernel")), r"square it"),
    ("01.4", edited("01.4", ("1 / filters + ", "")), r"depthwise convolution costs too"),
    ("01.4", edited("01.4", (" + 1 / kernel**2", "")), r"pointwise convolution costs too"),
    ("01.5", edited("01.5", ("s[0] * ", "")), r"take s\[0\] along exactly once"),
    ("01.5", edited("01.5", ("= u[:, 0]", "= s[0] * u[:, 0]")), r"take s\[0\] along exactly once"),
    ("01.5", edited("01.5", ("vt[0]", "vt[:, 0]")), r"raised ValueError|first row, vt\[0\]"),
    ("01.5", edited("01.5", ("= u[:, 0]", "= u[0]")), r"raised ValueError|first column"),
    ("01.5", edited("01.5", ("kernel[:, :, c]", "kernel[:, :, 0]")), r"one SVD per input channel"),
    ("01.5", lambda kernel: kernel, r"not two arrays of shapes"),
]  # fmt: skip


@pytest.mark.parametrize("number", EXERCISES)
class TestEach:
    def test_the_solution_is_right(self, number, capsys):
        answer = define(find(number).solution, find(number).name)
        right, line = verdict(number, answer)
        assert right, line
        assert line.startswith(f"✓ {number} {find(number).name}: ") and "\n" not in line
        assert check(number, answer) is None
        assert capsys.readouterr().out == line + "\n"

    def test_another_right_answer_is_right(self, number):
        right, line = verdict(number, OTHERS[number])
        assert right, line

    def test_the_stub_is_recognised(self, number):
        right, line = verdict(number, define(stub(number), find(number).name))
        assert not right and "not answered yet: replace" in line and "\n" not in line
        assert verdict(number, ...) == (right, line)

    def test_every_single_gap_left_open_is_reported(self, number):
        source = find(number).source
        gaps = re.findall("«.*?»", source, re.DOTALL)
        for i in range(len(gaps)):
            parts = re.split("«.*?»", source, flags=re.DOTALL)
            filled = ["..." if j == i else gap[1:-1] for j, gap in enumerate(gaps)] + [""]
            answer = define("".join(part + fill for part, fill in zip(parts, filled)), find(number).name)
            right, line = verdict(number, answer)
            assert not right and "\n" not in line

    def test_the_stub_is_the_solution_with_gaps(self, number):
        pattern = ".+?".join(map(re.escape, stub(number).split("...")))
        assert re.fullmatch(pattern, find(number).solution, re.DOTALL)
        assert cell(number) == f'{stub(number)}\n\n\ncheck("{number}", {find(number).name})'
        assert len(cell(number).splitlines()) <= 25

    def test_there_are_two_typical_mistakes_at_least(self, number):
        assert sum(other == number for other, _, _ in WRONG) >= 2

    def test_the_words(self, number, capsys):
        entry = find(number)
        assert entry.kind in KINDS and 2 <= len(entry.hints) <= 4
        for level in range(1, len(entry.hints) + 1):
            hint(number, level)
            assert capsys.readouterr().out == f"Hint {level} of {len(entry.hints)}: {entry.hints[level - 1]}\n"
        solution(number)
        assert capsys.readouterr().out == entry.solution + "\n"
        with pytest.raises(ValueError, match="level is 9; allowed: 1 to"):
            hint(number, 9)

    def test_an_answer_that_raises_is_reported_in_one_line(self, number):
        def broken(*args):
            raise KeyError("first line\nsecond line")

        right, line = verdict(number, broken)
        assert not right and "raised KeyError" in line and "\n" not in line

    @pytest.mark.parametrize("value", [None, "b3", 7, (), (1, 2), [1.0], np.eye(2), True, {}, 1j, math.nan], ids=repr)
    def test_an_answer_of_any_type_is_reported(self, number, value):
        right, line = verdict(number, lambda *args: value)
        assert not right and "\n" not in line
        right, line = verdict(number, value)
        assert not right and "wants the function itself" in line

    def test_inputs_are_not_changed_and_warnings_stay_inside(self, number, recwarn, capsys):
        def greedy(*args):
            for arg in args:
                if isinstance(arg, np.ndarray):
                    arg[...] = np.log(arg * 0)
            return OTHERS[number](*args)

        verdict(number, greedy)
        assert verdict(number, OTHERS[number])[0] and not recwarn.list and capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("number", "answer", "words"), WRONG, ids=[f"{n}-{w[:30]}" for n, _, w in WRONG])
def test_a_wrong_answer_is_named(number, answer, words):
    right, line = verdict(number, answer)
    assert not right and line.startswith(f"✗ {number} ") and "\n" not in line
    assert re.search(words, line), line


def test_kinds_rise_within_a_lesson():
    lessons = {}
    for number, entry in EXERCISES.items():
        lessons.setdefault(number[:2], []).append((number, KINDS.index(entry.kind)))
    for lesson, entries in lessons.items():
        kinds = [kind for _, kind in entries]
        assert 3 <= len(entries) <= 6 and kinds == sorted(kinds) and set(kinds) == {0, 1, 2}, lesson
        assert [number for number, _ in entries] == [f"{lesson}.{i + 1}" for i in range(len(entries))]


@pytest.mark.parametrize("number", ["01.9", 1.1, None, ""])
def test_an_unknown_exercise_is_refused(number):
    with pytest.raises(ValueError, match="exercise is .*; allowed: 00.1, 00.2"):
        exercises.check(number, None)
