r"""Exercises: what a learner fills in, the checks, the hints, and a solution each.

    check("01.2", depthwise)    prints one line: right, or which mistake it looks like
    hint("01.2"), hint("01.2", 2), ...    the next nudge
    solution("01.2")            one right answer among many

An exercise is one entry: a solution in which guillemets mark «what the learner writes». The stub in the notebook is the
solution with `...` in their place, so the two cannot drift apart. Checks test properties on several inputs.
"""

import ast
import inspect
import math
import re
import textwrap
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

from architecture import B0, Conv, Scale, compound_scale, plan

KINDS = ("recall", "modify", "derive")
EXERCISES = {}


class Wrong(Exception):
    """The answer is wrong; the message names the mistake and what to look at."""


class Unanswered(Exception):
    """A `...` of the stub is still there."""


@dataclass(frozen=True)
class Exercise:
    """One exercise. `check` takes the answer and returns, in words, what it verified, or raises Wrong."""

    title: str
    kind: str
    source: str
    hints: tuple
    check: Callable

    @property
    def name(self):
        return re.search(r"^def (\w+)", self.source, re.MULTILINE)[1]

    @property
    def solution(self):
        return self.source.replace("«", "").replace("»", "")

    @property
    def stub(self):
        return re.sub("«.*?»", "...", self.source, flags=re.DOTALL)


def exercise(number, title, kind, source, *hints):
    """Decorates the check of a new exercise and enters it in EXERCISES."""

    def enter(check):
        EXERCISES[number] = Exercise(title, kind, source.strip(), hints, check)
        return check

    return enter


# ---------------------------------------------------------------- what notebooks call


def check(number, answer):
    """Prints one line about an answer. Never raises on account of the answer."""
    print(verdict(number, answer)[1])


def hint(number, level=1):
    """Prints one hint; each level says more than the one before. Raises ValueError for a level that does not exist."""
    hints = find(number).hints
    if not isinstance(level, Integral) or level not in range(1, len(hints) + 1):
        raise ValueError(f"level is {level!r}; allowed: 1 to {len(hints)}.")
    print(f"Hint {level} of {len(hints)}: {hints[level - 1]}")


def solution(number):
    """Prints one right answer."""
    print(find(number).solution)


def stub(number):
    """The source that the learner starts from."""
    return find(number).stub


def cell(number):
    """The whole exercise cell of a notebook: the stub and its check."""
    return f'{stub(number)}\n\n\ncheck("{number}", {find(number).name})'


def verdict(number, answer):
    """Returns (right, line): whether the answer is right, and what `check` prints about it."""
    entry = find(number)
    try:
        if _same_code(answer, entry):
            raise Unanswered
        if not callable(answer) and answer is not ...:
            raise Wrong(f'wants the function itself, check("{number}", {entry.name}), not {_short(answer)}.')
        return True, f"✓ {number} {entry.name}: {entry.check(_Answer(entry.name, answer))}"
    except Unanswered:
        holes = "the ..." if entry.stub.count("...") == 1 else "each ..."
        return False, f'○ {number} not answered yet: replace {holes} in {entry.name}. Stuck? hint("{number}")'
    except Wrong as wrong:
        if _left_open(answer):
            return False, f'○ {number} not finished: a ... is left in {entry.name}. Stuck? hint("{number}")'
        return False, f"✗ {number} {wrong}"
    except (TypeError, ValueError, OverflowError):  # from a check that took a ragged answer, or 10**400, for an array
        return False, f"✗ {number} {entry.name} gave something that is not an array of numbers."


def find(number):
    """The entry of an exercise. Raises ValueError if there is none."""
    if number not in EXERCISES:
        raise ValueError(f"exercise is {number!r}; allowed: {', '.join(EXERCISES)}.")
    return EXERCISES[number]


# ---------------------------------------------------------------- how checks look at answers


class _Answer:
    """Calls the learner's function: on copies, without warnings, and with errors turned into Wrong or Unanswered."""

    def __init__(self, name, function):
        self.name, self.function = name, function

    def __call__(self, *args):
        if self.function is ...:
            raise Unanswered
        copies = [arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args]
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = self.function(*copies)
        except Exception as error:
            if "ellipsis" in str(error).lower():
                raise Unanswered from error
            reason = (str(error).splitlines() or ["no message"])[0]
            raise Wrong(f"{self.shown(*args)} raised {type(error).__name__}: {reason}") from error
        if any(part is ... for part in (value if isinstance(value, tuple) else (value,))):
            raise Unanswered
        return value

    def shown(self, *args):
        """The call in words, as `name(7, array (5, 5, 2))`."""

        def word(arg):
            if isinstance(arg, np.ndarray):
                return f"array {arg.shape}"
            if isinstance(arg, str):
                return f'"{arg}"'
            return f"{arg}" if isinstance(arg, (bool, list)) else f"{arg:_}"

        return f"{self.name}({', '.join(map(word, args))})"

    def error(self, *args):
        """The exception that a call raises, or None."""
        try:
            self(*args)
        except Wrong as wrong:
            return wrong.__cause__

    def compare(self, args, right, mistakes=()):
        """Raises Wrong unless the call gives `right`. `mistakes`: (what a typical mistake gives, its name) pairs."""
        got = self(*args)
        if _same(got, right):
            return
        for value, message in mistakes:
            if _same(got, value):
                raise Wrong(f"{self.shown(*args)} gave {_short(got)}: {message}.")
        shape, wanted = tuple(np.shape(got)), np.shape(right)
        if shape == wanted and shape:
            raise Wrong(f"{self.shown(*args)} has the right shape, {shape}, but other numbers.")
        raise Wrong(f"{self.shown(*args)} gave {_apart(got, right)}.")


def _same_code(answer, entry):
    """Whether a function is the untouched stub."""
    scope = {}
    exec(entry.stub, scope)
    ours, theirs = scope[entry.name].__code__, getattr(answer, "__code__", None)
    return all(getattr(ours, part) == getattr(theirs, part, None) for part in ("co_code", "co_consts", "co_names"))


def _left_open(answer):
    """Whether a `...` is left in a function's source; one inside an index, x[..., 0], is no hole."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(answer)))
    except (OSError, TypeError, SyntaxError):  # no source, as of a built-in function, or a lambda torn out of its line
        return False
    indices = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Subscript) for part in ast.walk(node.slice)}
    return any(getattr(node, "value", None) is ... and id(node) not in indices for node in ast.walk(tree))


def _same(got, right):
    """Equal shape and, to 5 digits, equal real numbers."""
    try:
        if np.asarray(got).dtype.kind in "cSU":  # a cast to float would drop the imaginary part, and read texts
            return False
        got = np.asarray(got, dtype=float)
    except (TypeError, ValueError, OverflowError):
        return False
    right = np.asarray(right, dtype=float)
    finite = np.abs(right[np.isfinite(right)])
    return got.shape == right.shape and np.allclose(got, right, rtol=1e-5, atol=1e-6 * finite.max(initial=0))


def _short(value):
    """A value in a few words, on one line."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_short, value))})"
    if np.ndim(value):
        return f"an array of shape {tuple(np.shape(value))}"
    if isinstance(value, bool) or not isinstance(value, Real):
        return " ".join(repr(value).split())[:60]
    if isinstance(value, Integral) and abs(value) >= 10**15:
        return f"a number of {len(str(abs(int(value)))):,} digits" if abs(value) < 10**4000 else "a huge number"
    if isinstance(value, (float, np.floating)) and not (float(value).is_integer() and abs(value) < 1e15):
        return f"{value:.4g}"
    return f"{int(value):,}"


def _apart(got, right):
    """`got, not right` in words, with as many digits as it takes to tell them apart."""
    if _short(got) == _short(right) and isinstance(got, Real):
        return f"{got:.8g}, not {right:.8g}: do not round"
    return f"{_short(got)}, not {_short(right)}"


# ---------------------------------------------------------------- 00 Start here


@exercise(
    "00.1",
    "The biggest network that fits a budget",
    "recall",
    '''
def biggest_under(limit):
    """The name of the biggest of b0 to b7 that needs fewer than `limit` MACs; None if none does."""
    answer = None
    for name in ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"]:
        if «plan(name).macs < limit»:
            answer = «name»
    return answer
''',
    "A plan knows its cost: look at plan('b0').macs.",
    "The names are in order of size, so the last one that fits is the biggest.",
    "The condition is: plan(name).macs < limit. When it holds, remember name.",
)
def _biggest_under(answer):
    plans = {f"b{i}": plan(f"b{i}") for i in range(8)}
    limits = (2 * 10**9, 10**9, plans["b1"].macs, 10**12, 10**8)
    for limit in limits:
        got, right = answer(limit), max((n for n in plans if plans[n].macs < limit), default=None)
        shown = f"{answer.shown(limit)} gave {_short(got)}"
        if isinstance(got, str) and got == right or got is right:
            continue
        if not isinstance(got, str) or got not in plans:
            raise Wrong(f"{shown}; the answer here is {right!r}: one of the names, or None when not even b0 fits.")
        if plans[got].macs == limit:
            raise Wrong(f"{shown}, which needs exactly that many MACs: under the limit means fewer, so < and not <=.")
        if plans[got].macs > limit:
            by_params = max((n for n in plans if plans[n].params < limit), default=None)
            cause = "parameters were compared: use .macs" if got == by_params else "look at .macs"
            raise Wrong(f"{shown}, which needs {plans[got].macs:,} MACs; {cause}.")
        raise Wrong(f"{shown}, but {right} fits too ({plans[right].macs:,} MACs): go on after the first that fits.")
    return f"right for {len(limits)} budgets; under 2 billion MACs it is {answer(limits[0])}."


@exercise(
    "00.2",
    "The class activation map",
    "modify",
    '''
def activation_map(features, kernel, class_index):
    """How much each position speaks for one class.

    features: (h, w, c), not yet averaged; kernel: (c, classes), the matrix w of the last layer. Returns (h, w).
    """
    weights = «kernel[:, class_index]»
    return «features @ weights»
''',
    "The last layer has one weight per channel and class. Which of them belong to this class?",
    "One column of the kernel: kernel[:, class_index], of shape (c,).",
    "At each position, multiply the c features by the c weights and add up: features @ weights.",
)
def _activation_map(answer):
    rng = np.random.default_rng(0)
    for h, w, c, classes, k in ((3, 5, 6, 6, 1), (7, 7, 12, 5, 3), (1, 4, 8, 3, 0)):
        features, kernel = rng.normal(size=(h, w, c)), rng.normal(size=(c, classes))
        right = np.tensordot(features, kernel[:, k], axes=1)
        mistakes = [
            (right.mean(), "that is pooled to one number; a map keeps its positions, so do not average"),
            (features @ kernel, "those are the maps of all classes; take the column of one"),
            (np.maximum(right, 0), "evidence against the class counts too; no ReLU"),
            ((right - right.min()) / np.ptp(right), "do not rescale; the mean of the map must stay the logit"),
            (right.T, "rows and columns are swapped"),
        ]
        if c == classes:
            mistakes.insert(0, (features @ kernel[k], "that is a row; a class is a column, kernel[:, class_index]"))
        answer.compare((features, kernel, k), right, mistakes)
    return "on 3 inputs the mean of the map is the logit of the class, up to the bias."


@exercise(
    "00.3",
    "Softmax and the best k",
    "derive",
    '''
def top_k(logits, k):
    """The positions of the k likeliest classes, best first, and their probabilities: two arrays (k,).

    logits: (classes,).
    """
    exponentials = np.exp(«logits - logits.max()»)
    probabilities = «exponentials / exponentials.sum()»
    best = «np.argsort(-probabilities)[:k]»
    return best, «probabilities[best]»
''',
    "Softmax: the exponential of each logit, divided by the sum of all exponentials.",
    "exp(1000) overflows. Adding a constant to all logits changes nothing, so subtract the largest first.",
    "np.argsort sorts upwards: sort the negative probabilities and keep the first k.",
)
def _top_k(answer):
    even, steep = np.array([0.3, 2.5, -1.0, 4.0, 1.2, 3.1, -2.0, 0.9]), np.array([0, 0, 1000.0, 0, 0, 0, 0, 0])
    cases = [(even, 0, 3), (even, 0, 1), (even, 0, 8), (even, 1000, 3), (even, -1000, 5), (steep, 0, 1)]
    for logits, shift, k in cases:
        args = (logits + shift, k)
        got, shown = answer(*args), answer.shown(*args)
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Wrong(f"{shown} gave {_short(got)}, not two arrays: the classes, and their probabilities.")
        exponentials = np.exp(logits - logits.max())
        right = np.argsort(-logits)[:k]
        best, probabilities = (np.asarray(part) for part in got)
        if probabilities.dtype.kind == "f" and not np.isfinite(probabilities).all():
            cause = "with logits this small exp gives 0" if shift < 0 else "with logits this large exp overflows"
            raise Wrong(f"{shown} gave probabilities that are not numbers: {cause}; subtract the largest logit first.")
        if not _same(best, right):
            overflow = "one logit is 1000 here, and exp overflows; subtract the largest logit first"
            cause = overflow if logits is steep else _order_mistake(best, logits, k)
            raise Wrong(f"{shown} found the classes {best.tolist()}, not {right.tolist()}: {cause}.")
        if _same(probabilities, exponentials[right] / exponentials.sum()):
            continue
        for value, message in (
            (exponentials[right] / exponentials[right].sum(), "divide by the sum over all classes, not just k"),
            (exponentials[right] * math.exp(shift) if shift < 700 else np.inf, "divide by the sum of the exponentials"),
            (np.exp(logits - logits.max())[right], "divide by the sum of the exponentials"),
            (args[0][right], "those are the logits; softmax comes first"),
        ):
            if k < len(logits) and _same(probabilities, value):
                raise Wrong(f"{shown}: the classes are right, their probabilities are not; {message}.")
        raise Wrong(f"{shown}: the classes are right, their probabilities are not; look at the softmax.")
    return "probabilities sum to 1 over all classes, and logits shifted by 1000 give the same."


def _order_mistake(best, logits, k):
    if _same(best, np.argsort(logits)[:k]):
        return "those are the least likely; np.argsort sorts upwards"
    if sorted(best.ravel().tolist()) == sorted(np.argsort(-logits)[:k].tolist()):
        return "the classes are right, their order is not; best first"
    return f"{best.size} classes for k = {k}" if best.shape != (k,) else "sort by probability, and return positions"


# ---------------------------------------------------------------- 01 Depthwise convolution


@exercise(
    "01.1",
    "Count a convolution",
    "recall",
    '''
def conv_macs(size, kernel, inputs, filters, stride, groups=1):
    """MACs of a kernel x kernel convolution of a (size, size, inputs) image, with "same" padding."""
    output_size = «math.ceil(size / stride)»
    weights_per_filter = «kernel**2 * inputs // groups»
    return «output_size**2 * filters * weights_per_filter»
''',
    "Every number of the output costs one MAC for each weight of its filter.",
    'With "same" padding the output has size / stride pixels on a side, rounded up.',
    "A filter sees only the inputs of its group: kernel**2 * inputs / groups weights.",
)
def _conv_macs(answer):
    layers = ((56, 3, 24, 48, 1, 1), (14, 1, 96, 40, 1, 1), (28, 5, 16, 16, 2, 1), (7, 3, 8, 32, 2, 1),
              (28, 3, 48, 48, 1, 48), (15, 5, 12, 24, 2, 4), (9, 3, 4, 6, 2, 1), (11, 3, 4, 6, 3, 1))  # fmt: skip
    for size, k, inputs, filters, stride, groups in layers:
        depthwise = groups == inputs == filters
        dense = Conv("layer", inputs, filters, size, k, stride, depthwise).macs
        right = dense if depthwise else dense // groups
        up, down = math.ceil(size / stride) ** 2, (size // stride) ** 2
        per_filter = k * k * inputs // groups
        mistakes = (
            (size**2 * filters * per_filter, "a stride leaves fewer outputs; count the pixels of the output"),
            (down * filters * per_filter, 'the output was rounded down; with "same" padding, round up'),
            (up * filters * k * k * inputs, "the groups are missing; a filter sees inputs / groups channels"),
            (right // groups, "divided by groups twice; every filter is still computed once"),
            (up * filters * k * inputs // groups, "a kernel has kernel x kernel weights; square it"),
            (filters * per_filter, "those are the weights; each is used once per output pixel"),
            (up * filters * k * k, "a filter sums over its input channels too"),
            (2 * right, "one multiplication and one addition together are one MAC"),
        )
        answer.compare((size, k, inputs, filters, stride, groups), right, mistakes)
    answer.compare((9, 3, 4, 6, 1), Conv("layer", 4, 6, 9, 3).macs)
    return f"equals the plan's count on {len(layers)} layers: dense, strided, depthwise and grouped."


@exercise(
    "01.2",
    "Depthwise convolution in loops",
    "modify",
    '''
def depthwise_loops(image, kernels):
    """Filters each channel with its own kernel: stride 1, zeros around ("same").

    image: (h, w, c), kernels: (k, k, c) with odd k. Returns (h, w, c).
    """
    h, w, c = image.shape
    k = len(kernels)
    padded = np.pad(image, [(k // 2, k // 2), (k // 2, k // 2), (0, 0)])
    output = np.zeros((h, w, c))
    for y in range(h):
        for x in range(w):
            for channel in range(c):
                patch = «padded[y : y + k, x : x + k, channel]»
                output[y, x, channel] = «np.sum(patch * kernels[:, :, channel])»
    return output
''',
    "The dense convolution sums over the window and over all channels. Which of the two sums goes?",
    "The patch is (k, k): the window whose corner in the padded image is (y, x), in one channel only.",
    "patch = padded[y : y + k, x : x + k, channel]; multiply it by kernels[:, :, channel] and sum.",
)
def _depthwise(answer):
    rng = np.random.default_rng(1)
    shapes = ((5, 7, 3, 3), (6, 4, 2, 5), (4, 4, 1, 3), (3, 5, 4, 1))
    for h, w, c, k in shapes:
        image, kernels = rng.normal(size=(h, w, c)), rng.normal(size=(k, k, c))
        right = _shifted_sum(image, kernels)
        pad = k // 2
        mistakes = (
            (right.sum(axis=-1), "the channels were added up; depthwise keeps them apart"),
            (np.repeat(right.sum(axis=-1, keepdims=True), c, axis=-1), "a patch holds one channel, not all of them"),
            (_shifted_sum(image, kernels[::-1, ::-1]), "the kernel is upside down; deep learning does not flip it"),
            (_shifted_sum(image, kernels.swapaxes(0, 1)), "rows and columns of the kernel are swapped"),
            (_shifted_sum(image, kernels[:, :, :1] + 0 * kernels), "each channel has its own kernel: [:, :, channel]"),
            (_shifted_sum(image, 0 * kernels + kernels.sum(-1, keepdims=True)), "use one kernel: [:, :, channel]"),
            (right[pad : h - pad, pad : w - pad], 'nothing was padded; with "same", output and image have one size'),
            (_shifted_sum(image, kernels, "edge"), "the border was repeated; pad with zeros"),
            (right / k**2, "that is the mean over the window; sum"),
        )
        answer.compare((image, kernels), right, mistakes)
    return f"equals a sum of shifted images, for {len(shapes)} shapes of image and kernel."


def _shifted_sum(image, kernels, mode="constant"):
    """A depthwise convolution without loops over pixels: one shifted, weighted image per kernel position."""
    (h, w, _), k = image.shape, len(kernels)
    padded = np.pad(image, [(k // 2, k // 2), (k // 2, k // 2), (0, 0)], mode)
    return sum(padded[i : i + h, j : j + w] * kernels[i, j] for i in range(k) for j in range(k))


@exercise(
    "01.3",
    "The weights of a grouped convolution",
    "modify",
    '''
def grouped_params(kernel, inputs, filters, groups):
    """Weights of a grouped convolution without bias. Raises ValueError unless groups divides inputs and filters."""
    fits = «inputs % groups == 0 and filters % groups == 0»
    if not fits:
        raise ValueError(f"{groups} groups do not divide {inputs} inputs and {filters} filters")
    return «kernel**2 * (inputs // groups) * filters»
''',
    "Each group is a small dense convolution. How many inputs and how many filters has it?",
    "A group has kernel**2 * (inputs / groups) * (filters / groups) weights, and there are `groups` of them.",
    "One factor of groups cancels: kernel**2 * (inputs // groups) * filters. Divisible means: remainder % is 0.",
)
def _grouped_params(answer):
    layers = ((3, 24, 48, 1), (3, 24, 48, 4), (5, 12, 36, 6), (3, 96, 96, 96), (1, 32, 16, 8))
    for k, inputs, filters, groups in layers:
        dense = k * k * inputs * filters
        mistakes = (
            (dense, "that is the dense convolution; a filter sees inputs / groups channels"),
            (dense // groups**2, "that is one group; there are `groups` of them"),
            (dense * groups, "groups save weights; divide"),
            (k * inputs * filters // groups, "a kernel has kernel x kernel weights; square it"),
            (dense // groups + filters, "without bias"),
            (k * k * filters, "that is right for depthwise only; in between, a group has several inputs"),
        )
        answer.compare((k, inputs, filters, groups), dense // groups, mistakes)
    uneven = (
        ((3, 24, 48, 5), "neither"),
        ((3, 25, 47, 4), "neither"),
        ((3, 25, 49, 4), "neither"),
        ((3, 25, 48, 4), "filters, not inputs"),
        ((3, 24, 50, 4), "inputs, not filters"),
    )
    for args, which in uneven:
        error = answer.error(*args)
        if not isinstance(error, ValueError):
            got = f"raised {type(error).__name__}" if error else f"gave {_short(answer(*args))}"
            raise Wrong(f"{answer.shown(*args)} {got}; {args[3]} divides {which}, so it must raise ValueError.")
    return f"right for {len(layers)} layers from dense to depthwise, and no group is ever uneven."


@exercise(
    "01.4",
    "The speed limit of a layer",
    "derive",
    '''
def macs_per_byte(kernel, channels, depthwise):
    """MACs for each byte moved, in a layer with as many filters as channels, stride 1 and float32 numbers.

    It reads its input and writes its output once; there are so many pixels that the weights do not count.
    """
    macs_per_pixel = «kernel**2 * channels * (1 if depthwise else channels)»
    bytes_per_pixel = «2 * 4 * channels»
    return «macs_per_pixel / bytes_per_pixel»
''',
    "Both counts are for one pixel, all channels. A depthwise filter sees one channel, a dense one all of them.",
    "For one pixel, `channels` numbers of 4 bytes are read and as many are written.",
    "MACs: kernel² · channels, times channels again unless depthwise. Bytes: 2 · 4 · channels. Divide.",
)
def _macs_per_byte(answer):
    layers = ((3, 96, True), (3, 96, False), (1, 96, False), (5, 40, True), (7, 16, False), (1, 480, False))
    for k, channels, depthwise in layers:
        conv = Conv("layer", channels, channels, 56, k, depthwise=depthwise)
        right = conv.macs / (4 * (conv.inputs * conv.size**2 + conv.activations))
        other = right * channels if depthwise else right / channels
        cause = "a depthwise filter sees one channel" if depthwise else "a filter of a dense layer sees all channels"
        mistakes = (
            (1 / right, "that is bytes for each MAC; turn it over"),
            (other, cause),
            (2 * right, "the input is read and the output is written; count both, and a MAC once"),
            (4 * right, "a float32 number has 4 bytes"),
            (8 * right, "the input is read and the output is written, and each number has 4 bytes"),
            (right / 8, "those are MACs for each bit; a float32 number has 4 bytes"),
            (right / k, "a kernel has kernel x kernel weights; square it"),
        )
        answer.compare((k, channels, depthwise), right, mistakes)
    return f"equals the plan's count on {len(layers)} layers. A depthwise one has k²/8, however wide it is."


@exercise(
    "01.5",
    "The closest separable kernel",
    "derive",
    '''
def largest_rank_one(kernel):
    """The depthwise and pointwise kernels whose product is closest to a dense kernel, in squared error.

    kernel: (k, k, C, N). Returns (k, k, C, 1) and (1, 1, C, N).
    """
    k, _, C, N = kernel.shape
    depthwise_kernel, pointwise_kernel = np.zeros((k, k, C, 1)), np.zeros((1, 1, C, N))
    for c in range(C):
        u, s, vt = «np.linalg.svd(kernel[:, :, c].reshape(k * k, N), full_matrices=False)»
        depthwise_kernel[:, :, c, 0] = «u[:, 0].reshape(k, k)»
        pointwise_kernel[0, 0, c] = «s[0] * vt[0]»
    return depthwise_kernel, pointwise_kernel
''',
    "For one input channel, a dense kernel is a matrix of k² rows and N columns; a separable one has rank one.",
    "The closest matrix of rank one is the first singular triple: s[0] times the outer product of u[:, 0] and vt[0].",
    "u[:, 0], reshaped to (k, k), is the depthwise kernel; s[0] * vt[0] is the pointwise one. Take s[0] along once.",
)
def _largest_rank_one(answer):
    rng = np.random.default_rng(2)
    separable = rng.normal(size=(3, 3, 2, 1)) * rng.normal(size=(1, 1, 2, 5))
    kernels = (rng.normal(size=(3, 3, 4, 6)), rng.normal(size=(5, 5, 3, 2)), rng.normal(size=(1, 1, 3, 4)), separable)
    for kernel in kernels:
        k, _, channels, n = kernel.shape
        got, shown = answer(kernel), answer.shown(kernel)
        shapes = ((k, k, channels, 1), (1, 1, channels, n))
        if not isinstance(got, (tuple, list)) or tuple(np.shape(part) for part in got) != shapes:
            found = " and ".join(str(np.shape(part)) for part in got) if isinstance(got, (tuple, list)) else _short(got)
            raise Wrong(f"{shown} gave {found}, not two arrays of shapes {shapes[0]} and {shapes[1]}.")
        spatial = np.asarray(got[0], dtype=float)[..., 0].reshape(k * k, channels).T
        mixing = np.asarray(got[1], dtype=float)[0, 0]
        if not (np.isfinite(spatial).all() and np.isfinite(mixing).all()):
            raise Wrong(f"{shown} gave values that are not numbers: is there a root of something negative?")
        matrices = kernel.transpose(2, 0, 1, 3).reshape(channels, k * k, n)
        u, s, vt = np.linalg.svd(matrices, full_matrices=False)
        error = np.sum((matrices - spatial[:, :, None] * mixing[:, None, :]) ** 2)
        best = np.sum(s[:, 1:] ** 2)
        if error > best * (1 + 1e-5) + 1e-9 * np.sum(s**2):
            left, right = _aligned(spatial, u[:, :, 0]), _aligned(mixing, vt[:, 0])
            if left and right:
                cause = "both directions are right, their length is not; take s[0] along exactly once"
            elif right:
                cause = "the pointwise part is right, the depthwise is not; take the first column, u[:, 0], as (k, k)"
            elif left:
                cause = "the depthwise part is right, the pointwise is not; take the first row, vt[0], times s[0]"
            else:
                cause = "one SVD per input channel, of the (k², N) matrix; its first singular vectors"
            raise Wrong(f"{shown} leaves a squared error of {error:.4g}, the best leaves {best:.4g}: {cause}.")
    return f"no separable kernel is closer, for {len(kernels)} dense kernels; a separable one comes back exactly."


def _aligned(vectors, units):
    """Whether each vector is a multiple of its unit vector. Both: (channels, length)."""
    lengths = np.linalg.norm(vectors, axis=1)
    return lengths.any() and np.allclose(np.abs(np.sum(vectors * units, axis=1)), lengths, rtol=1e-4)


# ---------------------------------------------------------------- 02 Squeeze and excitation


@exercise(
    "02.1",
    "Parameters of squeeze-and-excitation",
    "recall",
    '''
def se_params(inputs, expand, ratio=0.25):
    """Parameters, biases included, in a block that widens `inputs` channels `expand` times.

    The bottleneck is `ratio` of the inputs, rounded down, and at least 1.
    """
    wide = «inputs * expand»
    narrow = «max(1, int(inputs * ratio))»
    return «2 * wide * narrow + narrow + wide»
''',
    "Two layers: from wide to narrow and back. How many weights has each, how many biases?",
    "wide is inputs * expand, the channels that are weighed. narrow is a quarter of inputs, rounded down, at least 1.",
    "Weights: wide * narrow, twice. Biases: narrow for the first layer, wide for the second.",
)
def _se_params(answer):
    blocks = [block for name in ("b0", "b3") for block in plan(name).blocks]
    cases = {}
    for block in blocks:
        inputs = block.expand.inputs if block.expand else block.depthwise.inputs
        expand = block.depthwise.inputs // inputs
        cases[inputs, expand, 0.25] = block.se_reduce.params + block.se_expand.params
    cases |= {(3, 6, 0.25): 2 * 18 + 1 + 18, (40, 4, 0.5): 2 * 160 * 20 + 20 + 160}
    cases |= {(7, 6, 0.25): 2 * 42 + 1 + 42, (10, 4, 0.4): 2 * 40 * 4 + 4 + 40}
    for (inputs, expand, ratio), right in sorted(cases.items(), key=lambda case: -case[0][1]):
        wide, narrow = inputs * expand, max(1, int(inputs * ratio))
        other, up = max(1, int(wide * ratio)), max(1, math.ceil(inputs * ratio))
        mistakes = (
            (2 * wide * other + other + wide, "that bottleneck is a share of the expanded channels, not of the inputs"),
            (2 * wide * up + up + wide, "the bottleneck is rounded down"),
            (2 * wide * narrow, "the weights are right; each of the two layers has biases too"),
            (wide * narrow + narrow, "that is the first layer; the second widens again"),
            (
                2 * wide * narrow + 4 * narrow + 4 * wide,
                "batch normalization has four numbers per channel; here are biases",
            ),
            (2 * wide * narrow + 2 * narrow, "the second layer has a bias for each of its wide outputs"),
            (2 * inputs * narrow + narrow + inputs, "the gate weighs the expanded channels: wide is inputs * expand"),
            (2 * wide * int(inputs * ratio) + int(inputs * ratio) + wide, "the bottleneck keeps one channel at least"),
        )
        answer.compare((inputs, expand, ratio), right, mistakes)
    return f"equals the plan for every block of B0 and B3; block2a has {answer(16, 6, 0.25):,}."


@exercise(
    "02.2",
    "A gate without a bottleneck",
    "modify",
    '''
def eca_gate(z, kernel):
    """ECA-Net's gate: the sigmoid of a convolution over the channels, so each looks at its neighbours only.

    Zeros stand beyond both ends; as in lesson 01, the kernel is not flipped.
    z: (c,), the channel means; kernel: (k,), k odd. Returns (c,), between 0 and 1.
    """
    padded = np.pad(z, «len(kernel) // 2»)
    mixed = np.array([«padded[i : i + len(kernel)] @ kernel» for i in range(len(z))])
    return «1 / (1 + np.exp(-mixed))»
''',
    "It is a convolution over the channels: a window of len(kernel) means, times the kernel, summed.",
    "Pad half a kernel of zeros on both sides, so that there are c windows: padded[i : i + len(kernel)].",
    "The gate is the sigmoid of the sums, and nothing else: no bias, no second layer.",
)
def _eca_gate(answer):
    rng = np.random.default_rng(3)
    sizes = ((6, 3), (9, 5), (16, 3), (4, 1))
    for channels, k in sizes:
        z, kernel = rng.normal(size=channels) + 1, rng.normal(size=k)
        mixed = np.correlate(np.pad(z, k // 2), kernel, "valid")
        edge = np.correlate(np.pad(z, k // 2, mode="edge"), kernel, "valid")

        def sigmoid(x):
            return 1 / (1 + np.exp(-x))

        mistakes = (
            (mixed, "those are the sums; the gate is their sigmoid"),
            (sigmoid(-mixed), "the sign in the exponent is wrong: 1 / (1 + exp(-x))"),
            (sigmoid(mixed[::-1]), "the channels come out in reverse order"),
            (sigmoid(np.convolve(np.pad(z, k // 2), kernel, "valid")), "the kernel was turned round; do not flip it"),
            (sigmoid(edge), "the ends were repeated; pad with zeros"),
            (np.tanh(mixed), "tanh goes from -1 to 1; a gate is between 0 and 1"),
        )
        answer.compare((z, kernel), sigmoid(mixed), mistakes)
    return f"right for {len(sizes)} sizes. It has k weights; squeeze-and-excitation in block2a has 868."


@exercise(
    "02.3",
    "Why the MACs hardly notice",
    "derive",
    '''
def se_share(ratio, size):
    """MACs of squeeze-and-excitation, divided by those of expand and project together.

    The block has stride 1, as many outputs as inputs, and size x size pixels; `ratio` is of the inputs.
    """
    return «ratio / size**2»
''',
    "Let the block have C inputs and expand e times. Expand: size² · C · eC. Project: the same.",
    "Squeeze-and-excitation runs once per image: eC · rC there and rC · eC back, with r the ratio.",
    "Divide 2 e r C² by 2 e C² size²: what is left knows neither C nor e.",
)
def _se_share(answer):
    cases = {}
    for block in (block for name in ("b0", "b3") for block in plan(name).blocks if block.skip and block.expand):
        pointwise, gate = block.expand.macs + block.project.macs, block.se_reduce.macs + block.se_expand.macs
        if block.expand.inputs % 4 == 0:
            cases[0.25, block.depthwise.size] = gate / pointwise
    cases |= {(0.5, 10): 0.005, (1.0, 3): 1 / 9, (0.4, 10): 0.004}
    for (ratio, size), right in cases.items():
        mistakes = (
            (ratio, "that is the share of the weights; expand and project use theirs at every pixel"),
            (ratio / size, "an image of size x size has size**2 pixels"),
            (6 * ratio / size**2, "expand cancels: all four layers have the wide channels on one side"),
            (2 * ratio / size**2, "there are two layers above and two below the line; the 2 cancels"),
            (ratio / (2 * size**2), "there are two layers above and two below the line; the 2 cancels"),
            (1 / right, "that is expand and project over squeeze-and-excitation; turn it over"),
            (1 / size**2, "that would be a bottleneck as wide as the inputs; the ratio is missing"),
        )
        answer.compare((ratio, size), right, mistakes)
    return f"equals the plan's ratio at {len(cases) - 3} resolutions of B0 and B3, whatever the channels."


@exercise(
    "02.4",
    "A gate that never changes is free",
    "derive",
    '''
def fold_gate(gate, project):
    """The project kernel that makes a constant gate superfluous: x @ folded equals (x * gate) @ project.

    gate: (c,); project: (1, 1, c, n). Returns (1, 1, c, n).
    """
    return «gate[:, None] * project»
''',
    "Write one output as a sum over the channels c: x[c] * gate[c] * project[c, n]. Which two belong together?",
    "Each row of the kernel, one per input channel, is multiplied by that channel's gate.",
    "gate[:, None] has shape (c, 1) and broadcasts along n.",
)
def _fold_gate(answer):
    rng = np.random.default_rng(4)
    shapes = ((5, 5), (6, 3), (2, 7))
    for channels, n in shapes:
        gate, project = rng.uniform(0.1, 0.9, channels), rng.normal(size=(1, 1, channels, n))
        mistakes = [
            (project / gate[:, None], "the kernel was divided by the gate; the gate makes a channel quieter"),
            (project * gate.mean(), "each channel has its own gate; do not average them"),
            (project[0, 0] * gate[:, None], "the numbers are right; keep the kernel's shape, (1, 1, c, n)"),
        ]
        if channels == n:
            mistakes.append((project * gate, "those are the output channels; the gate belongs to the input channels"))
        answer.compare((gate, project), project * gate[:, None], mistakes)
    return "the same outputs with one layer less. Only a gate that depends on the image needs squeeze-and-excitation."


# ---------------------------------------------------------------- 03 MBConv and the B0 network


@exercise(
    "03.1",
    "Shapes through a block",
    "recall",
    '''
def mbconv_shapes(size, inputs, expand, stride, filters):
    """Shapes (height, width, channels) of an MBConv's expanded, filtered and projected maps; whether it has a skip."""
    wide, small = «inputs * expand», «math.ceil(size / stride)»
    expanded = «(size, size, wide)»
    filtered = «(small, small, wide)»
    projected = «(small, small, filters)»
    has_skip = «stride == 1 and inputs == filters»
    return expanded, filtered, projected, has_skip
''',
    "Expand changes the channels only, depthwise the resolution only, project the channels only.",
    'The stride is in the depthwise convolution; with "same" padding it leaves size / stride pixels, rounded up.',
    "Only maps of the same shape can be added: the stride is 1, and there are as many filters as inputs.",
)
def _mbconv_shapes(answer):
    cases = [(15, 24, 6, 2, 40), (7, 192, 6, 1, 320), (9, 16, 4, 1, 16), (8, 16, 3, 2, 16)]
    cases += [(13, 24, 6, 2, 40), (11, 16, 6, 3, 16), (9, 16, 1, 1, 16)]
    odd = len(cases)
    for block in plan("b0").blocks:
        first = block.expand or block.depthwise
        expand = block.depthwise.inputs // block.expand.inputs if block.expand else 1
        cases.append((first.size, first.inputs, expand, block.depthwise.stride, block.project.filters))
    for size, inputs, expand, stride, filters in cases:
        wide, small = inputs * expand, math.ceil(size / stride)
        shapes = ((size, size, wide), (small, small, wide), (small, small, filters))
        args = (size, inputs, expand, stride, filters)
        got, shown = answer(*args), answer.shown(*args)
        if not isinstance(got, (tuple, list)) or len(got) != 4:
            raise Wrong(f"{shown} gave {_short(got)}, not three shapes and whether there is a skip.")
        if any(isinstance(part, tuple) and ... in part for part in got):
            raise Unanswered
        for name, part, right in zip(("expanded", "filtered", "projected"), got, shapes):
            if _same(part, right):
                continue
            down = size // stride
            late = "the stride is in the depthwise convolution, after expand"
            for value, message in (
                ((size, size, right[2]), "the stride is in the depthwise convolution, which makes the map smaller"),
                ((down, down, right[2]), 'the size was rounded down; with "same" padding, round up'),
                ((small, small, right[2]) if name == "expanded" else None, late),
                ((right[0], right[1], inputs), "those are the input's channels"),
                ((right[0], right[1], wide), "project brings the channels to filters"),
                ((right[0], right[1], filters), "the channels stay wide until project"),
            ):
                if value is not None and _same(part, value):
                    raise Wrong(f"{shown}: the {name} map is {right}, not {part}; {message}.")
            raise Wrong(f"{shown}: the {name} map is {right}; yours is {str(part)[:40]}.")
        if got[3] not in (True, False) or bool(got[3]) != (stride == 1 and inputs == filters):
            why = f"stride {stride}, {inputs} inputs and {filters} filters"
            raise Wrong(f"{shown}: the skip needs equal shapes at both ends; here {why}, yours says {_short(got[3])}.")
    return f"equals the plan for all {len(cases) - odd} blocks of B0, and for odd sizes."


@exercise(
    "03.2",
    "Stochastic depth, image by image",
    "modify",
    '''
def stochastic_depth(inputs, branch, rate, uniform):
    """inputs + branch, where each image loses its branch with probability `rate`, with the mean kept.

    inputs, branch: (n, h, w, c); uniform: (n,), a random number between 0 and 1 for each image.
    """
    survival = «1 - rate»
    survives = «uniform < survival»
    return inputs + «survives[:, None, None, None] * branch / survival»
''',
    "uniform < 0.8 is true for 80 % of random numbers between 0 and 1.",
    "One decision for each image: give it the shape (n, 1, 1, 1), and it applies to all of the image's numbers.",
    "If 80 % of the branches survive, each must count 1 / 0.8 times. The input stays as it is.",
)
def _stochastic_depth(answer):
    rng = np.random.default_rng(5)
    cases = ((10, 0.2), (8, 0.5), (20, 0.1), (4, 0.0), (4, 0.25))
    for n, rate in cases:
        inputs, branch = rng.normal(size=(2, n, 2, 3, 4))
        # the last: each image has its own chance, so all, or two, may survive where three is the mean
        uniform = np.array([0.9, 0.8, 0.6, 0.4]) if rate == 0.25 else rng.permutation((np.arange(n) + 0.5) / n)

        def result(survives, scale=1.0, inputs=inputs, branch=branch):
            return inputs + survives[:, None, None, None] * branch * scale

        both = (uniform < 1 - rate, uniform >= rate)  # two ways to decide, equally good
        args = (inputs, branch, rate, uniform)
        if any(_same(answer(*args), result(survives, 1 / (1 - rate))) for survives in both):
            continue
        mistakes = []
        for survives in both:
            kept = survives[:, None, None, None]
            mistakes += [
                (result(survives), "the survivors must be scaled, or the mean shrinks; divide by 1 - rate"),
                (result(survives, 1 - rate), "multiply and the mean shrinks twice; divide by 1 - rate"),
                (result(~survives, 1 / (1 - rate)), "that drops with probability 1 - rate; rate is the share dropped"),
                (kept * (inputs + branch) / (1 - rate), "only the branch is dropped and scaled; the input passes"),
                (kept * branch / (1 - rate), "the input is missing; it passes through the skip connection"),
            ]
            if rate:
                mistakes.append((result(survives, 1 / rate), "divide by the share that survives, 1 - rate"))
                mistakes.append((result(~survives, 1 / rate), "survival is 1 - rate; rate is the share dropped"))
        answer.compare(args, result(both[0], 1 / (1 - rate)), mistakes)
    return f"whole branches, scaled survivors, the input untouched, for {len(cases)} rates; at rate 0 a plain sum."


@exercise(
    "03.3",
    "Fold a normalization that comes first",
    "modify",
    '''
def fold_before(kernel, gamma, beta, mean, variance, epsilon=1e-3):
    """The 1 x 1 convolution that equals batch normalization followed by a 1 x 1 convolution without bias.

    kernel: (1, 1, c, n); gamma, beta, mean, variance: (c,). Returns kernel (1, 1, c, n) and bias (n,).
    """
    scale = «gamma / np.sqrt(variance + epsilon)»
    shift = «beta - mean * scale»
    return «kernel * scale[:, None]», «shift @ kernel[0, 0]»
''',
    "Batch normalization is x * scale + shift for each input channel. Find scale and shift first.",
    "Each row of the kernel, one for each input channel, is multiplied by that channel's scale.",
    "The shifts are a constant input: send them through the kernel, and you have the bias.",
)
def _fold_before(answer):
    rng = np.random.default_rng(6)
    shapes = ((4, 6), (5, 5), (7, 2))
    for c, n in shapes:
        kernel = rng.normal(size=(1, 1, c, n))
        gamma, variance = rng.uniform(0.5, 1.5, (2, c))
        beta, mean = rng.normal(size=(2, c))
        args = (kernel, gamma, beta, mean, variance, 0.1)
        scale = gamma / np.sqrt(variance + 0.1)
        shift = beta - mean * scale
        right = kernel * scale[:, None], shift @ kernel[0, 0]
        got, shown = answer(*args), answer.shown(*args)
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Wrong(f"{shown} gave {_short(got)}, not a kernel and a bias.")
        for name, part, wanted in zip(("kernel", "bias"), got, right):
            if np.shape(part) != wanted.shape and not (name == "bias" and _same(part, shift)):
                raise Wrong(f"{shown}: the {name} has shape {np.shape(part)}, not {wanted.shape}.")
        bare, squared = gamma / np.sqrt(variance), gamma / (variance + 0.1)
        for value, message in (
            (kernel * bare[:, None], "epsilon is missing under the root"),
            (kernel * squared[:, None], "divide by the standard deviation: the root is missing"),
            (kernel / scale[:, None], "multiply by the scale"),
            (kernel * scale if c == n else None, "the scale belongs to the input channels: scale[:, None]"),
            (kernel, "the scale is missing in the kernel"),
        ):
            if value is not None and _same(got[0], value):
                raise Wrong(f"{shown}: the kernel is wrong; {message}.")
        if not _same(got[0], right[0]):
            raise Wrong(f"{shown}: the kernel has the right shape, but other numbers.")
        for value, message in (
            (shift, "those are the shifts of the inputs; send them through the kernel"),
            (shift @ right[0][0, 0], "send the shifts through the kernel as it was: they are scaled already"),
            (beta @ kernel[0, 0], "the mean is missing"),
            ((beta - mean) @ kernel[0, 0], "the mean is divided by the standard deviation too"),
            ((beta + mean * scale) @ kernel[0, 0], "the mean is subtracted"),
        ):
            if _same(got[1], value):
                raise Wrong(f"{shown}: the kernel is right, the bias is not; {message}.")
        if not _same(got[1], right[1]):
            raise Wrong(f"{shown}: the kernel is right, the bias is not.")
    return f"equal outputs for {len(shapes)} shapes. With zero padding and a larger kernel the border would differ."


@exercise(
    "03.4",
    "How far can a position see?",
    "derive",
    '''
def receptive_field(convs):
    """Side, in pixels of the image, of the square that one position of the last map depends on.

    convs: a list of (kernel, stride), one for each convolution, first to last.
    """
    seen, step = 1, 1  # pixels seen, and pixels between neighbours
    for kernel, stride in convs:
        seen += «(kernel - 1) * step»
        step *= «stride»
    return seen
''',
    "A 3 x 3 kernel sees its neighbours to the left and right. How many image pixels apart are they?",
    "Neighbours are as many pixels apart as the product of the strides of all layers before.",
    "So a layer adds (kernel - 1) * step pixels, and then its stride multiplies the step.",
)
def _receptive_field(answer):
    b0 = [(c.kernel, c.stride) for c in plan("b0").convs if "_se_" not in c.name and c.name != "predictions"]
    cases = ([(3, 1)], [(3, 1), (3, 1)], [(3, 2), (3, 1)], [(5, 2), (1, 1), (3, 2), (5, 1)], [(4, 3), (2, 1), (3, 2)])
    cases += ([(1, 1)], b0)
    for case in cases:
        seen = step = early = 1
        for kernel, stride in case:
            seen += (kernel - 1) * step
            step *= stride
            early += (kernel - 1) * step
        summed = 1 + sum((k - 1) * (1 + sum(s - 1 for _, s in case[:i])) for i, (k, _) in enumerate(case))
        whole = 1 + sum(k * math.prod(s for _, s in case[:i]) for i, (k, _) in enumerate(case))
        got = answer(list(case))
        shown = f"{answer.name}({case})" if len(case) < 5 else f"{answer.name}(the {len(case)} layers of B0)"
        if _same(got, seen):
            continue
        for value, message in (
            (early, "a layer's own stride only moves the layers after it apart"),
            (1 + sum(k - 1 for k, _ in case), "after a stride, neighbours are further apart; multiply by the step"),
            (summed, "strides multiply"),
            (whole, "a kernel adds kernel - 1"),
            (seen - 1, "a position sees one pixel before the first layer: start at 1"),
        ):
            if _same(got, value):
                raise Wrong(f"{shown} gave {_short(got)}, not {seen}: {message}.")
        raise Wrong(f"{shown} gave {_short(got)}, not {seen}.")
    return f"one position of B0's last map sees a square of {seen} pixels a side; the photo has 224."


@exercise(
    "03.5",
    "When is an MBConv cheaper?",
    "derive",
    '''
def break_even(kernel, channels):
    """The expand ratio at which an MBConv costs as many MACs as a dense convolution.

    Both have stride 1, `channels` in and out, and kernels of kernel x kernel; squeeze-and-excitation is left out.
    """
    return «kernel**2 * channels / (2 * channels + kernel**2)»
''',
    "Count MACs for one pixel. Dense: k² C². For the MBConv with ratio e, add expand, depthwise and project.",
    "Expand and project cost e C² each, depthwise k² e C.",
    "Set k² C² = e (2 C² + k² C), solve for e, and cancel one C.",
)
def _break_even(answer):
    cases = {}
    for k, c in ((3, 24), (5, 40), (3, 80), (5, 112), (3, 8), (7, 16)):
        dense = Conv("dense", c, c, 14, k).macs
        depthwise = Conv("depthwise", 6 * c, 6 * c, 14, k, depthwise=True)
        parts = Conv("expand", c, 6 * c, 14), depthwise, Conv("project", 6 * c, c, 14)
        cases[k, c] = 6 * dense / sum(part.macs for part in parts)  # the MBConv's cost is proportional to the ratio
    for (k, c), right in cases.items():
        mistakes = (
            (1 / right, "that is MBConv over dense; solve for the ratio"),
            (k * k / 2, "that is without the depthwise convolution, which costs k² e C"),
            (k * k * c / (c + k * k), "expand and project cost e C² each; that is twice"),
            (k * c / (2 * c + k), "a kernel has kernel x kernel weights; square it"),
            (c, "that is without expand and project, which cost e C² each"),
        )
        answer.compare((k, c), right, mistakes)
    return (
        f"for 3 x 3 and 24 channels the ratio is {answer(3, 24):.1f}, for 5 x 5 and 112 it is {answer(5, 112):.1f}: "
        "with ratio 6, MBConv is the dearer one at 3 x 3, but it filters 6 times as many channels."
    )


# ---------------------------------------------------------------- 04 Compound scaling


@exercise(
    "04.1",
    "Three power laws",
    "recall",
    '''
def growth(width, depth, resolution):
    """By what factors MACs, parameters and activations grow, if every layer followed the power laws."""
    macs = «depth * width**2 * resolution**2»
    params = «depth * width**2»
    activations = «depth * width * resolution**2»
    return macs, params, activations
''',
    "A convolution has k² · inputs · filters weights, and uses each of them once per output pixel.",
    "Width scales inputs and filters, so weights grow as w². Resolution scales both sides of a map: r² pixels.",
    "MACs: d · w² · r². Parameters: d · w². Activations, the numbers in the maps: d · w · r².",
)
def _growth(answer):
    for w, d, r in ((2.0, 1.0, 1.0), (1.0, 3.0, 1.0), (1.0, 1.0, 1.5), (1.1, 1.2, 1.15), (2.0, 3.1, 2.7)):
        right = (d * w**2 * r**2, d * w**2, d * w * r**2)
        got, shown = answer(w, d, r), answer.shown(w, d, r)
        if np.shape(got) != (3,):
            raise Wrong(f"{shown} gave {_short(got)}, not three factors: of MACs, parameters and activations.")
        mistakes = (
            (0, d * w * r**2, "a layer has inputs and filters, and width scales both: square it"),
            (0, d * w**2 * r, "an image has rows and columns, and resolution scales both: square it"),
            (0, d**2 * w**2 * r**2, "twice as many blocks cost twice as much: depth counts once"),
            (0, (d * w * r) ** 2, "depth counts once"),
            (1, right[0], "a weight does not know how many pixels it is used on"),
            (1, d * w, "a layer has inputs and filters, and width scales both: square it"),
            (2, right[0], "a map holds one number per channel and pixel: width counts once"),
            (2, d * w * r, "a map has rows and columns: square the resolution"),
            (2, d * w**2, "a map has rows and columns: the resolution counts"),
        )
        for i, name in enumerate(("MACs", "parameters", "activations")):
            if _same(got[i], right[i]):
                continue
            cause = next((text for j, value, text in mistakes if i == j and _same(got[i], value)), "look at one layer")
            raise Wrong(f"{shown}: {name} grow {_short(right[i])}-fold, not {_short(got[i])}-fold; {cause}.")
    return "the three laws hold for width, depth, resolution and their products."


@exercise(
    "04.2",
    "Count the blocks after rounding",
    "modify",
    '''
def blocks(depth, repeats=(1, 2, 2, 3, 3, 4, 1)):
    """The number of MBConv blocks of B0 at a depth multiplier: each stage is scaled and rounded up for itself."""
    total = 0
    for count in repeats:
        total += «math.ceil(count * depth)»
    return total
''',
    "One more line of Table 1 at a time: count · depth is not a whole number.",
    "round_repeats rounds up, with math.ceil, and it does so in every stage.",
    "total += math.ceil(count * depth)",
)
def _blocks(answer):
    repeats = np.array([stage.repeats for stage in B0.stages])
    depths = (1.4, 1.0, 1.1, 1.2, 1.8, 2.6, 3.1, 0.5, 4.0, 1.001)
    for depth in depths:
        right = len(plan(Scale(1.0, depth, 224)).blocks)
        mistakes = (
            (math.ceil(repeats.sum() * depth), "the sum was rounded; round each stage for itself"),
            (np.floor(repeats * depth).sum(), "stages were rounded down; the code rounds up"),
            (np.round(repeats * depth).sum(), "stages were rounded to the nearest; the code rounds up"),
            ((repeats * depth).sum(), "there is no fraction of a block; round up"),
            ((repeats * math.ceil(depth)).sum(), "depth was rounded before multiplying; round the product"),
        )
        answer.compare((depth,), right, mistakes)
    given = np.array([2, 3, 4])
    answer.compare((1.5, given), 14, ((len(plan(Scale(1.0, 1.5, 224)).blocks), "use the repeats given"),))
    return f"equals the plan at {len(depths)} depths; 1.1 and 1.2 both give {answer(1.1):.0f} blocks."


@exercise(
    "04.3",
    "The largest φ for a budget",
    "modify",
    '''
def phi_for(budget):
    """The largest φ among 0.0, 0.1 ... 7.0 whose network needs at most `budget` MACs; None if none does."""
    answer = None
    for step in range(71):
        if «plan(compound_scale(step / 10)).macs <= budget»:
            answer = «step / 10»
    return answer
''',
    "compound_scale(phi) is a Scale, plan(scale) a network on paper, .macs what it costs.",
    "The networks grow with φ, so the last one that fits is the largest.",
    "The condition is plan(compound_scale(step / 10)).macs <= budget; then remember step / 10.",
)
def _phi_for(answer):
    costs = [plan(compound_scale(step / 10)).macs for step in range(71)]
    base = costs[0]
    budgets = (10**9, 4 * 10**9, costs[20], 2 * base, 10**8, 10**12)
    for budget in budgets:
        right = max((step / 10 for step, cost in enumerate(costs) if cost <= budget), default=None)
        got = answer(budget)
        if (got is None and right is None) or (got is not None and right is not None and _same(got, right)):
            continue
        shown = f"{answer.shown(budget)} gave {_short(got)}"
        if right is None:
            raise Wrong(f"{shown}; not even φ = 0 fits, so the answer is None.")
        formula = max((s / 10 for s in range(71) if base * 2 ** (s / 10) <= budget), default=None)
        fits = [s / 10 for s, cost in enumerate(costs) if cost <= budget]
        for value, cause in (
            (max((s / 10 for s, cost in enumerate(costs) if cost < budget), default=None), "at most means <="),
            (fits[0], "go on after the first that fits"),
            (10 * right, "that is the step; φ is a tenth of it"),
            (formula, "2^φ ignores the rounding; ask the plan"),
            (7.0 if budget < 10**12 else None, "parameters were compared, or nothing: use .macs"),
        ):
            if value is not None and _same(got, value):
                raise Wrong(f"{shown}, not {right}: {cause}.")
        raise Wrong(f"{shown}, not {right}: compare the MACs of plan(compound_scale(φ)) with the budget.")
    return f"right for {len(budgets)} budgets; a billion MACs buy φ = {answer(10**9)}."


@exercise(
    "04.4",
    "The constraint, solved for γ",
    "derive",
    '''
def gamma_of(alpha, beta, growth=2):
    """The γ for which one step of φ multiplies the MACs by `growth`: α · β² · γ² = growth."""
    return «math.sqrt(growth / (alpha * beta**2))»
''',
    "Bring everything but γ² to the other side.",
    "γ² = growth / (α · β²)",
    "math.sqrt(growth / (alpha * beta**2))",
)
def _gamma_of(answer):
    cases = ((1.2, 1.1, 2), (1.0, 1.0, 2), (2.0, 1.0, 2), (1.0, 2**0.5, 2), (1.1, 1.05, 1.92), (1.3, 1.2, 4))
    for alpha, beta, growth in cases:
        square = growth / (alpha * beta**2)
        mistakes = (
            (square, "that is γ²; take the square root"),
            (math.sqrt(2 / (alpha * beta**2)), "the growth is an argument, not always 2"),
            (math.sqrt(growth / (alpha * beta)), "β counts twice, for inputs and for filters"),
            (math.sqrt(growth / (alpha**2 * beta**2)), "α counts once"),
            (growth / (alpha * beta), "β and γ count twice"),
            (math.sqrt(alpha * beta**2 / growth), "turn it over"),
        )
        answer.compare((alpha, beta, growth), math.sqrt(square), mistakes)
    default = math.sqrt(2 / (1.2 * 1.1**2))
    answer.compare((1.2, 1.1), default, [(math.sqrt(4 / (1.2 * 1.1**2)), "without a third argument the growth is 2")])
    return f"α · β² · γ² = growth in {len(cases)} cases; with 1.2 and 1.1, γ would be {answer(1.2, 1.1):.3f}, not 1.15."


@exercise(
    "04.5",
    "The width that costs as much as a deeper network",
    "derive",
    '''
def width_for(target, linear):
    """The width w at which the MACs are `target` times the baseline's.

    `linear`, from 0 up to, not including, 1: the share of the baseline's MACs that grows as w; the rest grows as w².
    """
    square = 1 - linear
    return «(-linear + math.sqrt(linear**2 + 4 * square * target)) / (2 * square)»
''',
    "The MACs at width w are (1 - linear) · w² + linear · w, in multiples of the baseline's.",
    "Set that equal to the target: a quadratic equation a w² + b w + c = 0 with c = -target.",
    "Its positive root: (-linear + sqrt(linear² + 4 · (1 - linear) · target)) / (2 · (1 - linear)).",
)
def _width_for(answer):
    for target, linear in ((4.0, 0.12), (4.0, 0.0), (2.0, 0.5), (1.0, 0.3), (0.5, 0.12), (8.0, 0.05)):
        square = 1 - linear
        root = math.sqrt(linear**2 + 4 * square * target)
        right = (root - linear) / (2 * square)
        mistakes = (
            (math.sqrt(target), "that is the power law w²; a share of the MACs grows as w only"),
            ((-root - linear) / (2 * square), "that is the other root; a width is above 0"),
            ((root - linear) / 2, "divide by 2a, and a is 1 - linear"),
            ((root + linear) / (2 * square), "the first term of the root is -b, with b = linear"),
            (target / linear if linear else math.inf, "that is the linear part alone"),
            (math.sqrt(target / square), "the linear part is missing"),
        )
        answer.compare((target, linear), right, mistakes)
    return f"(1 - linear) · w² + linear · w meets all targets; four times B0's MACs are width {answer(4.0, 0.12):.2f}."


# ---------------------------------------------------------------- 05 B0 to B7: accuracy against FLOPs


@exercise(
    "05.1",
    "What did that tool count?",
    "recall",
    '''
def operations_per_mac(reported, macs):
    """What a tool counted for a network of so many multiply-adds, to within 5 %.

    Returns 1 for multiply-adds, 2 for multiplications and additions apart, 0 if it is neither.
    """
    for operations in (1, 2):
        expected = «operations * macs»
        if «abs(reported - expected) <= 0.05 * expected»:
            return operations
    return 0
''',
    "One multiply-add is two operations for a tool that counts them apart.",
    "So expect operations * macs, and ask whether the reported number is near it.",
    "Near it in both directions: abs(reported - expected) <= 0.05 * expected.",
)
def _operations_per_mac(answer):
    b0, b5, b7 = (plan(name).macs for name in ("b0", "b5", "b7"))
    cases = ((0.39e9, b0, 1), (0.7716e9, b0, 2), (38.33e9, b7, 1), (74e9, b7, 2), (0.02e9, b0, 0), (4e9, b5, 0))
    edges = ((1.04, 1), (0.96, 1), (1.06, 0), (1.92, 2), (2.08, 2), (2.12, 0))  # 4 % off is near, 6 % is not
    edges = [(ratio * b0, b0, right) for ratio, right in edges]
    for reported, macs, right in (*cases, (0.6e9, b0, 0), (2e9, b0, 0), *edges):
        if right == 2:
            apart = "a tool that counts the two operations apart reports about 2 * macs, to within 5 % of that"
            mistakes = [(0, apart), (1, "that is 2")]
        elif right == 1:
            mistakes = [(2, "that is the multiply-adds themselves"), (0, "a paper rounds: allow 5 %")]
        elif reported < macs:
            mistakes = [(1, "far too few is neither; the difference counts in both directions, so take abs")]
        else:
            mistakes = [(1, "5 % of what is expected, no more"), (2, "5 % of what is expected, no more")]
        answer.compare((reported, macs), right, mistakes)
    return "0.39 G and 0.77 G are both B0; 0.02 G is a tool that missed most layers."


@exercise(
    "05.2",
    "The frontier with several costs",
    "modify",
    '''
def on_frontier(costs, accuracies):
    """Which networks no other beats. costs: (networks, kinds of cost), accuracies: (networks,).

    Beaten means: another one is no worse in each cost and in accuracy, and better in at least one.
    Returns booleans, (networks,).
    """
    answer = []
    for cost, accuracy in zip(costs, accuracies):
        no_worse = «(costs <= cost).all(axis=1) & (accuracies >= accuracy)»
        better = «(costs < cost).any(axis=1) | (accuracies > accuracy)»
        answer.append(not (no_worse & better).any())
    return np.array(answer)
''',
    "Compare all networks with this one at once: costs <= cost is a table of booleans, a row for each network.",
    "No worse in every cost: .all(axis=1). Better in at least one: .any(axis=1). Then bring in the accuracies.",
    "no_worse joins with &, better with |: (costs < cost).any(axis=1) | (accuracies > accuracy).",
)
def _on_frontier(answer):
    rng = np.random.default_rng(0)
    tables = [rng.integers(1, 8, size=(12, kinds)).astype(float) for kinds in (1, 2, 3)]
    inputs = [(costs, rng.integers(60, 70, size=12).astype(float)) for costs in tables]
    inputs.append((np.array([[1.0, 1.0], [1.0, 1.0], [2.0, 1.0]]), np.array([70.0, 70.0, 70.0])))
    # only the last cost, then only the first, sets the second network apart
    inputs.append((np.array([[1.0, 1.0, 2.0], [1.0, 1.0, 1.0]]), np.array([70.0, 70.0])))
    inputs.append((np.array([[2.0, 1.0, 1.0], [1.0, 1.0, 1.0]]), np.array([70.0, 70.0])))
    for costs, accuracies in inputs:
        below, under = costs[:, None] <= costs, costs[:, None] < costs
        up, over = accuracies[:, None] >= accuracies, accuracies[:, None] > accuracies
        right = ~((below.all(2) & up) & (under.any(2) | over)).any(0)
        mistakes = [
            (np.zeros(len(costs)), "nothing is left: each network is no worse than itself; ask for better, too"),
            (~right, "that is the opposite, the networks that are beaten"),
            (~((below.any(2) & up) & (under.any(2) | over)).any(0), "no worse in every cost: all, and not any"),
            (~((below.all(2) & up) & (under.any(2) & over)).any(0), "better in a cost or in accuracy: |, and not &"),
            (~((below.all(2) & up) & under.any(2)).any(0), "more accuracy at equal costs beats too"),
            (~((below.all(2) & up) & over).any(0), "less of a cost at equal accuracy beats too"),
            (~((below.all(2) & up) & (under.all(2) | over)).any(0), "better in at least one: any, and not all"),
            (~((below[..., 0] & up) & (under[..., 0] | over)).any(0), "all kinds of cost count, not only the first"),
            (np.ones(len(costs)), "everything is left: who is cheaper and more accurate beats the other"),
            (~(under.all(2) & over).any(0), "a network with equal cost and more accuracy beats too: <= and >= first"),
        ]
        answer.compare((costs, accuracies), right, mistakes)
    return "right for one, two and three kinds of cost, and twins do not beat each other."


@exercise(
    "05.3",
    "The largest batch that fits",
    "derive",
    '''
def largest_batch(gigabytes, kept, params, number_bytes):
    """How many images fit into memory during training with Adam; 0 if none does. 1 GB is 10**9 bytes.

    kept: numbers that one image leaves for the backward pass, of number_bytes bytes each.
    params: each needs its weight, its gradient and Adam's two moments, all in float32.
    """
    fixed = «4 * 4 * params»
    per_image = «kept * number_bytes»
    return «max(0, int((gigabytes * 10**9 - fixed) // per_image))»
''',
    "Two kinds of memory: what the parameters need, once, and what each image needs.",
    "A float32 has 4 bytes, and each parameter needs four of them. An image needs kept * number_bytes bytes.",
    "max(0, int((gigabytes * 10**9 - fixed) // per_image)): whole images, and never fewer than none.",
)
def _largest_batch(answer):
    for gigabytes, kept, params, size in (
        (8, 22_000_000, 66_658_680, 4),
        (8, 22_000_000, 66_658_680, 2),
        (16, 900_000_000, 66_658_680, 4),
        (1, 900_000_000, 66_658_680, 2),
        (24, 150_000_000, 19_466_816, 2),
        (1, 2_000_000, 66_658_680, 4),
        (2, 2_500_000, 62_500_000, 4),
    ):
        room, image = gigabytes * 10**9 - 16 * params, kept * size
        right = max(0, room // image)
        mistakes = [
            (room / image, "only whole images fit"),
            (room // image, "fewer than none do not exist: at least 0"),
            (max(0, -(-room // image) - 1), "what fills the memory exactly still fits"),
            (abs(room) // image, "there is no room when the parameters alone do not fit: 0"),
            (-(-room // image), "round down: the last image does not fit"),
            (max(0, (gigabytes * 10**9) // image), "the parameters need memory too"),
            (max(0, (gigabytes * 10**9 - 4 * params) // image), "each parameter needs four numbers, not one"),
            (max(0, (gigabytes * 2**30 - 16 * params) // image), "1 GB is 10**9 bytes here"),
            (max(0, room // (4 * kept)), "an image's numbers have number_bytes bytes, not always 4"),
            (max(0, room // kept), "kept counts numbers; multiply by their bytes"),
            (max(0, (gigabytes * 10**9 - 4 * size * params) // image), "the parameters stay in float32: 4 bytes"),
        ]
        answer.compare((gigabytes, kept, params, size), right, mistakes)
    return "half the bytes per number give about twice the images."


@exercise(
    "05.4",
    "What a faster layer brings",
    "derive",
    '''
def speed_up(share, factor):
    """How many times as fast a network becomes, when layers that take a `share` of its time run `factor` times as fast.

    share: from 0 up to, not including, 1. factor: above 0; np.inf takes the layers out altogether.
    """
    others = «1 - share»
    faster = «share / factor»
    return «1 / (others + faster)»
''',
    "Call the old time 1. Which part of it stays as it is, and what becomes of the other part?",
    "The new time is the sum of both parts: 1 - share stays, share becomes share / factor.",
    "A speed-up is the old time over the new one.",
)
def _speed_up(answer):
    for share, factor in ((0.4, 2.0), (0.17, math.inf), (0.83, 4.0), (0.5, 1.0), (0.5, 0.25), (0.0, 3.0), (0.4, 3.0)):
        time = 1 - share + share / factor
        mistakes = (
            (time, "that is the new time; the speed-up is the old one, 1, divided by it"),
            (1 / (1 - share), "faster layers still take time: share / factor"),
            (1 - share + share * factor, "times add up, speeds do not"),
            (1 + share * factor, "times add up, speeds do not"),
            (factor / share if share else math.inf, "only a part runs faster; the others take as long as before"),
        )
        answer.compare((share, factor), 1 / time, mistakes)
    return f"taking out 17 % of the time makes {answer(0.17, math.inf):.2f} times as fast, and never more."


# ---------------------------------------------------------------- 06 Transfer learning


@exercise(
    "06.1",
    "How large is the last map?",
    "recall",
    '''
def last_map(pixels, halvings=5):
    """Height and width of the last feature map for an image of pixels x pixels.

    Each stride of 2 halves the side of the map and rounds up ("same" padding).
    """
    for _ in range(halvings):
        pixels = «math.ceil(pixels / 2)»
    return pixels
''',
    "A stride of 2 turns 7 pixels into 4: the last window hangs over the edge.",
    "math.ceil(pixels / 2) rounds up, once in each turn of the loop.",
)
def _last_map(answer):
    for pixels, halvings in ((32, 5), (96, 5), (224, 5), (33, 5), (260, 5), (100, 2), (17, 3), (50, 1)):
        right = math.ceil(pixels / 2**halvings)
        mistakes = [
            (math.ceil(pixels / 32), "use the number of halvings given, it is not always 5"),
            (pixels / 2**halvings, "a map has whole pixels"),
            (pixels // 2**halvings, "that rounds down; the last window hangs over the edge, so round up"),
            (pixels / 2, "halve once for each of the halvings"),
        ]
        answer.compare((pixels, halvings), right, mistakes)
    return "32 pixels leave 1, 96 leave 3, 224 leave 7."


@exercise(
    "06.2",
    "A stem for any number of channels",
    "modify",
    '''
def stem_for(kernel, channels):
    """Turns a stem kernel for 3 channels, (k, k, 3, filters), into one for `channels`: (k, k, channels, filters).

    All its channels have the same weights. Of images whose channels are all equal (grey ones), it makes
    what the old stem makes of the same picture in 3 equal channels.
    """
    total = «kernel.sum(axis=2, keepdims=True)»
    return np.repeat(«total / channels», channels, axis=2)
''',
    "With equal channels, a filter's answer depends only on the sum of its weights over the channels.",
    "Keep the axis of length 1: kernel.sum(axis=2, keepdims=True). Then share that sum out.",
    "Each of the new channels gets total / channels, so that together they give the old sum.",
)
def _stem_for(answer):
    rng = np.random.default_rng(0)
    for channels in (4, 1, 2, 3, 7):
        kernel = rng.normal(size=(3, 3, 3, 5))
        total, mean = kernel.sum(2, keepdims=True), kernel.mean(2, keepdims=True)
        mistakes = [
            (np.repeat(total, channels, 2), f"each of {channels} channels has the whole sum"),
            (np.repeat(mean, channels, 2), "that is the mean; it fits 3 channels only, so share out the sum instead"),
            (np.repeat(mean / channels, channels, 2), "that shares out the mean, a third of the sum"),
        ]
        answer.compare((kernel, channels), np.repeat(total / channels, channels, 2), mistakes)
    return "right for 1, 2, 3, 4 and 7 channels."


@exercise(
    "06.3",
    "Accuracy that does not forget small classes",
    "modify",
    '''
def balanced_accuracy(counts):
    """Mean over the classes of the share that was recognised, from a confusion matrix.

    counts: (classes, classes), the true class in rows, the guess in columns. A class without images does not count.
    """
    images = «counts.sum(axis=1)»
    there = «images > 0»
    return «(np.diag(counts)[there] / images[there]).mean()»
''',
    "Which images are of class 3? Those of row 3, wherever they were put.",
    "The right answers stand on the diagonal: np.diag(counts). Divide by the images of the class, then average.",
    "Leave empty rows out of the mean: there = images > 0.",
)
def _balanced_accuracy(answer):
    rng = np.random.default_rng(0)
    full = rng.integers(1, 40, size=(4, 4)) * np.array([[1], [10], [3], [1]])
    gap = rng.integers(1, 9, size=(3, 3))
    gap[1] = 0
    missed, never_guessed = np.array([[8, 2], [5, 0]]), np.array([[10, 0], [5, 0]])
    for counts in (np.array([[9, 1], [50, 50]]), full, missed, never_guessed, gap):
        images, right, there = counts.sum(1), np.diag(counts), counts.sum(1) > 0
        with np.errstate(all="ignore"):
            mistakes = [
                (right.sum() / counts.sum(), "that is plain accuracy, in which large classes outvote small ones"),
                ((right / counts.sum(0)).mean(), "columns are guesses; the images of a class are in its row"),
                ((right[there] / counts.sum(0)[there]).mean(), "columns are guesses; a class's images are in its row"),
                (np.nansum(right / images) / len(counts), "divide by the number of classes that have images"),
                ((right / images)[counts.sum(0) > 0].mean(), "a class that was never guessed counts too: ask its row"),
                ((right / images)[right > 0].mean(), "a class with images and no right answer counts, as 0"),
            ]
        got = answer(counts)
        if isinstance(got, (float, np.floating)) and np.isnan(got):
            raise Wrong("a class without images gives 0 / 0; leave it out of the mean.")
        answer.compare((counts,), (right[there] / images[there]).mean(), mistakes)
    return "each class has one vote, however many images it has."


@exercise(
    "06.4",
    "How fast batch norm forgets",
    "derive",
    '''
def steps_to_forget(momentum, left):
    """After how many training steps does at most the share `left` of the old moving statistics remain?

    Each step: moving = momentum * moving + (1 - momentum) * batch.
    """
    return «math.ceil(math.log(left) / math.log(momentum))»
''',
    "What is left of the old value after one step? After two?",
    "After n steps momentum**n is left. Which is the smallest whole n with momentum**n <= left?",
    "Take logarithms. Both are negative, so n >= log(left) / log(momentum), rounded up.",
)
def _steps_to_forget(answer):
    for momentum, left in ((0.99, 0.5), (0.99, 0.01), (0.9, 0.5), (0.9, 0.01), (0.999, 0.1), (0.5, 0.3), (0.5, 0.25)):
        exact = math.log(left) / math.log(momentum)
        mistakes = [
            (exact, "steps are whole"),
            (exact + 1, "exactly the share left is at most the share left"),
            (math.floor(exact), "after that many steps, a little more than the share remains: round up"),
            (math.ceil(math.log(1 - left) / math.log(momentum)), "left is what remains, not what is gone"),
            (math.ceil((1 - left) / (1 - momentum)), "what is left shrinks by a factor each step, not by an amount"),
            (math.ceil(1 / (1 - momentum)), "that is the usual rule of thumb, it leaves about 37 %"),
        ]
        answer.compare((momentum, left), math.ceil(exact), mistakes)
    return "0.99 keeps half of ImageNet's statistics for 69 steps, 0.9 for 7."


# ---------------------------------------------------------------- 07 From notebook to the world


@exercise(
    "07.1",
    "To eight bits and back",
    "recall",
    '''
def round_trip(r, scale, zero):
    """The numbers r as 8-bit integers from -128 to 127, and what they stand for. r: any shape; returns two arrays.

    scale: how far two neighbouring integers are apart; zero: the integer that stands for 0.
    """
    q = «np.clip(np.round(r / scale) + zero, -128, 127)»
    back = «scale * (q - zero)»
    return q, back
''',
    "Divide by the scale, round, shift by the zero point. What happens to a number outside the range?",
    "np.clip keeps the integers between -128 and 127. On the way back, undo the shift first, then the scale.",
    "q = np.clip(np.round(r / scale) + zero, -128, 127) and back = scale * (q - zero).",
)
def _round_trip(answer):
    rng = np.random.default_rng(71)
    for shape, scale, zero in (((40,), 0.05, 0), ((6, 7), 0.02, -100), ((3, 4, 5), 0.1, 31)):
        r = rng.normal(0, 300 * scale / 2, shape)
        whole = np.round(r / scale) + zero
        q = np.clip(whole, -128, 127)
        got, shown = answer(r, scale, zero), answer.shown(r, scale, zero)
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Wrong(f"{shown} gave {_short(got)}, not two arrays: integers, and numbers.")
        bounded = np.clip(np.round(r / scale), -128, 127)
        for value, message in (
            (whole, "they leave the range from -128 to 127: clip them"),
            (np.clip(whole, 0, 255), "they run from -128 to 127 here"),
            (np.clip(r / scale + zero, -128, 127), "they are not rounded"),
            (np.clip(np.floor(r / scale) + zero, -128, 127), "round to the nearest, not down"),
            (np.clip(np.trunc(r / scale) + zero, -128, 127), "round to the nearest; astype(int) cuts off"),
            (np.clip(whole, -127, 127), "the smallest integer is -128"),
            (whole.astype(int).astype(np.int8), "astype(np.int8) starts again at the other end: clip first"),
            (scale * (q - zero), "the two are the other way round, integers first"),
            (np.clip(np.round(r * scale) + zero, -128, 127), "divide by the scale"),
            (bounded + zero, "clip after the zero point is added"),
            (np.clip(np.round(r / scale) - zero, -128, 127), "the zero point is added"),
            (bounded, "the zero point is missing"),
        ):
            if _same(got[0], value) and not _same(value, q):
                raise Wrong(f"{shown}: the integers are wrong; {message}.")
        if not _same(got[0], q):
            raise Wrong(f"{shown}: the integers are wrong.")
        for value, message in (
            (scale * (q.astype(np.int8) - np.int8(zero)), "q - zero needs more than 8 bits: q.astype(int)"),
            (scale * q, "the zero point must be subtracted first"),
            (scale * q - zero, "subtract the zero point first, then multiply"),
            (scale * (q + zero), "the zero point was added, so subtract it"),
            (r, "those are the numbers from before; the integers stand for others"),
            ((q - zero) / scale, "multiply by the scale on the way back"),
        ):
            if _same(got[1], value) and not _same(value, scale * (q - zero)):
                raise Wrong(f"{shown}: the integers are right, the way back is not; {message}.")
        if not _same(got[1], scale * (q - zero)):
            raise Wrong(f"{shown}: the integers are right, the way back is not.")
    return "inside the range no number is off by more than half a scale; outside, it is cut off."


@exercise(
    "07.2",
    "One scale for each channel",
    "modify",
    '''
def channel_scales(kernel, depthwise):
    """The scale of each output channel, so that its largest weight, whatever its sign, becomes 127: (channels,).

    kernel: (k, k, inputs, filters), or (k, k, channels, 1) if depthwise.
    """
    largest = «np.abs(kernel).max(axis=(0, 1, 3) if depthwise else (0, 1, 2))»
    return «largest / 127»
''',
    "For one scale per layer it would be np.abs(kernel).max() / 127. Over which axes may the maximum go now?",
    "Over all axes but that of the outputs. That is the last one, but in a depthwise kernel the third.",
    "axis=(0, 1, 3) if depthwise else (0, 1, 2); then divide by 127.",
)
def _channel_scales(answer):
    rng = np.random.default_rng(72)
    ordinary, deep = ((1, 1, 4, 6), (3, 3, 5, 5), (3, 3, 4, 1)), ((3, 3, 8, 1), (5, 5, 3, 1))
    for shape in ordinary + deep:
        depthwise = shape in deep
        kernel = rng.normal(size=shape) * rng.uniform(0.1, 3, shape[2:])
        kernel[0, 0, 0, 0] = -9  # a large weight may be negative
        axes = (0, 1, 3) if depthwise else (0, 1, 2)
        right, other = np.abs(kernel).max(axis=axes) / 127, (0, 1, 2) if depthwise else (0, 1, 3)
        cut = "a depthwise kernel" if depthwise else "an ordinary kernel"
        mistakes = [
            (np.abs(kernel).max() / 127, "that is one scale for the whole layer"),
            (kernel.max(axis=axes) / 127, "the largest weight may be negative: take absolute values"),
            (np.abs(kernel).max(axis=other) / 127, f"that is the wrong axis: find that of the outputs of {cut}"),
            (np.abs(kernel).max(axis=axes), "divide by 127, so that the largest becomes 127"),
            (np.abs(kernel).max(axis=axes) / 255, "the integers reach from -127 to 127; divide by 127"),
            (np.abs(kernel).max(axis=axes) / 128, "127 is the largest 8-bit integer"),
            (127 / np.abs(kernel).max(axis=axes), "that is the scale's inverse: integer times scale gives the weight"),
        ]
        answer.compare((kernel, depthwise), right, mistakes)
    return "each channel now uses all its integers, whatever folding did to it."


@exercise(
    "07.3",
    "How many bits for an error?",
    "derive",
    '''
def bits_needed(low, high, error):
    """The smallest number of bits with which every number from low to high is rounded by at most `error`."""
    steps = «(high - low) / (2 * error)»
    return «math.ceil(math.log2(steps + 1))»
''',
    "n bits make 2**n integers. How many steps lie between the first and the last of them?",
    "A step of size S rounds by at most S / 2, so S may be 2 * error. There are 2**n - 1 steps.",
    "(high - low) / (2**n - 1) <= 2 * error. Solve for n, and round up: n is a whole number.",
)
def _bits_needed(answer):
    cases = ((0, 6, 0.0118), (0, 6, 0.02), (-6, 6, 0.0118), (0, 40, 0.0118), (-3, 3, 1.0), (0, 8, 1.0), (0, 6, 0.01175))
    for low, high, error in cases:
        ratio = (high - low) / (2 * error)
        right = next(n for n in range(1, 60) if (high - low) / (2**n - 1) <= 2 * error * (1 + 1e-12))
        mistakes = [
            (math.log2(ratio + 1), "bits are whole: round up"),
            (math.ceil(math.log2(high / (2 * error) + 1)), "the range goes from low to high, its length is high - low"),
            (math.ceil(math.log2(int(ratio) + 1)), "do not round the steps, or the error is a little too large"),
            (math.ceil(math.log2(ratio)), "2**n integers have 2**n - 1 steps between them"),
            (math.floor(math.log2(ratio + 1)), "round up, or the error is too large"),
            (right + 1 if error == 1.0 else None, "one bit less is enough: an error of exactly `error` is allowed"),
            (math.ceil(math.log2(2 * ratio + 1)), "a step of S rounds by at most S / 2: S may be twice the error"),
            (math.ceil(math.log2(ratio / 2 + 1)), "S may be twice the error, not four times"),
            (ratio, "that is the number of steps; ask how many bits make so many"),
        ]
        answer.compare((low, high, error), right, mistakes)
    return "ReLU6 with 8 bits; a map up to 40 needs 3 more for the same error."


@exercise(
    "07.4",
    "The learning rate of a large batch",
    "derive",
    '''
def rate_at(step, batch, rate, up, steps):
    """The learning rate at a step: scaled to the batch, warmed up, then a cosine down to 0 at `steps`.

    rate: right for a batch of 256 images. The warm-up is a straight line, from 0 at step 0 to step `up`.
    """
    peak = «rate * batch / 256»
    if step < up:
        return «peak * step / up»
    part = «(step - up) / (steps - up)»
    return «peak * (1 + math.cos(math.pi * part)) / 2»
''',
    "k times the batch takes k times fewer steps, so each has to be k times as long: scale the rate linearly.",
    "The cosine starts where the warm-up ends: at step `up` its argument is 0, at `steps` it is pi.",
    "peak = rate * batch / 256; before: peak * step / up; after: peak * (1 + cos(pi * part)) / 2.",
)
def _rate_at(answer):
    for batch, rate, up, steps in ((2048, 0.1, 50, 900), (128, 0.1, 10, 60), (4096, 0.016, 400, 30_000)):
        for step in (0, up // 5, up, steps // 2, up + 1, steps - steps // 10):
            peak = rate * batch / 256
            part = (step - up) / (steps - up)

            def at(top, part=part, step=step, up=up):
                return top * step / up if step < up else top * (1 + math.cos(math.pi * part)) / 2

            mistakes = [
                (at(rate), "scale the rate with the batch"),
                (at(rate * (batch / 256) ** 0.5), "scale it linearly, not by the square root"),
                (at(rate * 256 / batch), "turn it over: a larger batch gets a larger rate"),
                (at(peak, step / steps), "the cosine starts when the warm-up ends"),
                (at(peak, step / (steps - up)), "the cosine starts when the warm-up ends"),
            ]
            if step < up:
                mistakes.append((peak, "the warm-up is missing: a straight line from 0"))
                mistakes.append((peak * (step + 1) / up, "the warm-up is at 0 at step 0: step / up"))
            else:
                mistakes.append((at(peak, (step - up) / steps), "the cosine lasts from `up` to `steps`: steps - up"))
                mistakes.append((at(2 * peak), "1 + cos goes from 2 to 0: halve it"))
                mistakes.append((peak * math.cos(math.pi * part), "a cosine goes down to -1; shift and halve it"))
                mistakes.append((peak * (1 - part), "that is a straight line down, not a cosine"))
            answer.compare((step, batch, rate, up, steps), at(peak), mistakes)
    return "up to the scaled rate in a line, down to zero in a cosine."


@exercise(
    "07.5",
    "A step on many devices",
    "derive",
    '''
def step_seconds(batch, speed, devices, params, bandwidth):
    """Seconds of one step: devices compute their shares of the batch, then a ring sums the gradients.

    batch: images, a multiple of devices. speed: images per second of one device. bandwidth: bytes per second that
    each device can send.
    The ring cuts the gradient (float32, one number per parameter) into one piece for each device.
    devices - 1 rounds sum the pieces, as many more hand them out; a device sends one piece a round.
    """
    compute = «batch / devices / speed»
    piece = «4 * params / devices»
    rounds = «2 * (devices - 1)»
    return «compute + rounds * piece / bandwidth»
''',
    "Two terms: a share of the batch at the speed of one device, and the bytes that one device sends.",
    "A gradient has as many numbers as there are parameters, 4 bytes each; a piece is one n-th of it.",
    "batch / devices / speed + 2 * (devices - 1) * (4 * params / devices) / bandwidth.",
)
def _step_seconds(answer):
    for batch, speed, n, params, band in (
        (256, 1600.0, 1, 5_330_564, 1e9),
        (1024, 1600.0, 4, 5_330_564, 1e8),
        (4096, 800.0, 64, 66_658_680, 1e10),
        (96, 12.0, 3, 4_652_008, 1e8),
    ):
        compute, sent = batch / n / speed, 2 * (n - 1) * 4 * params / n / band
        mistakes = [
            (batch / speed + sent, "each device computes only its share of the batch"),
            (compute + sent / 4, "a float32 has 4 bytes"),
            (compute + sent / 2, "two passes: pieces are summed, then handed out"),
            (compute + sent * n, "a piece is one n-th of the gradient"),
            (compute + 2 * 4 * params / band, "each pass has devices - 1 rounds: one device sends nothing"),
            (compute, "the gradients travel too"),
            (max(compute, sent), "the two follow one another: add them"),
            (compute + 8 * sent, "bandwidth is in bytes per second, not in bits"),
        ]
        if n == 1:
            alone = "one device has nobody to send to: devices - 1 rounds are none"
            mistakes = [(compute + times * 4 * params / band, alone) for times in (1, 2)]
        answer.compare((batch, speed, n, params, band), compute + sent, mistakes)
    return "with more devices each computes less but sends as much: that is where scaling out ends."


# ---------------------------------------------------------------- 08 Reading the paper again


@exercise(
    "08.1",
    "Does a count agree with a printed number?",
    "recall",
    '''
def agrees(value, printed):
    """Whether `value`, rounded to as many decimals as the string `printed` shows, is the printed number."""
    decimals = «len(printed.partition(".")[2])»
    return «abs(value - float(printed)) <= 0.5 * 10**-decimals»
''',
    'How many digits follow the point of "0.70", of "0.7", of "37"?',
    "Rounding moves a number by half a unit of its last digit at most, in either direction.",
    'decimals: len(printed.partition(".")[2]). Then abs(value - float(printed)) <= 0.5 * 10**-decimals.',
)
def _agrees(answer):
    for value, printed, right, message in (
        (1.79, "2.0", False, "to one decimal it is 1.8, and the difference counts in either direction"),
        (0.3858, "0.39", True, "rounded, not cut off, to the two decimals of 0.39 it is 0.39"),
        (0.6868, "0.70", False, "the last 0 of 0.70 is a digit as well: the printed number has two decimals"),
        (0.6868, "0.7", True, "rounded to the one decimal of 0.7 it is 0.7"),
        (4.3938, "4.2", False, "a printed number allows half a unit of its last digit, in either direction"),
        (37.746, "37", False, "to whole numbers it is 38: round, do not cut off"),
        (37.4, "37", True, "rounded to whole numbers it is 37"),
        (10.266, "9.9", False, "only digits behind the point are decimals: 9.9 has one"),
        (10.266, "10.27", True, "only digits behind the point are decimals: 10.27 has two"),
        (1.8271, "1.8", True, "rounded to one decimal it is 1.8"),
        (9.96, "10.0", True, "10.0 has one decimal: count the digits behind the point, not all"),
    ):
        answer.compare((value, printed), right, [(not right, message)])
    return "B1's 0.687 is 0.7, but not 0.70."


@exercise(
    "08.2",
    "A comparison at equal MACs",
    "modify",
    '''
def gap(macs, top1, rival_macs, rival_top1):
    """By how many points a network beats its rivals at its own MACs; negative if it loses.

    The rivals, arrays in any order, are joined by straight lines over log(MACs).
    None unless rivals lie on both sides of `macs`, or at it.
    """
    order = np.argsort(rival_macs)
    x, y = «np.log(rival_macs[order])», «rival_top1[order]»
    if «not x[0] <= np.log(macs) <= x[-1]»:
        return None
    return «top1 - np.interp(np.log(macs), x, y)»
''',
    "np.interp(place, x, y) needs x in rising order; y must be put into the same order.",
    "Both axes of the question are logs of MACs: np.log(rival_macs[order]) and np.log(macs).",
    "np.interp would repeat the last rival for ever: return None unless x[0] <= np.log(macs) <= x[-1].",
)
def _gap(answer):
    rival_macs, rival_top1 = np.array([4.0, 0.4, 1.6, 0.8]), np.array([79.4, 74.1, 76.1, 76.3])
    order = np.argsort(rival_macs)
    x, y = rival_macs[order], rival_top1[order]
    for macs, top1 in ((3.0, 80.0), (1.0, 76.5), (1.8, 75.5), (0.4, 75.1), (4.0, 80.0)):
        right = top1 - np.interp(math.log(macs), np.log(x), y)
        mistakes = [
            (-right, "the sign is the other way round: own accuracy minus the rivals'"),
            (top1 - right, "that is the rivals' accuracy; subtract it from the network's own"),
            (top1 - np.interp(macs, x, y), "the lines are straight over log(MACs), not over MACs"),
            (top1 - np.interp(math.log(macs), np.log(x), rival_top1), "put top1 into the same order as the MACs"),
            (top1 - np.interp(math.log(macs), np.log(x), np.sort(y)), "each accuracy stays with its MACs: [order]"),
            (top1 - np.interp(macs, np.log(x), y), "take the log of the network's MACs as well"),
        ]
        args = (macs, top1, rival_macs, rival_top1)
        if answer(*args) is None:
            cause = "with rivals on both sides, or at it, a number is due: x in rising order, logs on both sides, <="
            raise Wrong(f"{answer.shown(*args)} gave None: {cause}.")
        answer.compare(args, right, mistakes)
    for macs in (10.3, 0.2):
        got = answer(macs, 78.3, rival_macs, rival_top1)
        if got is not None:
            shown = answer.shown(macs, 78.3, rival_macs, rival_top1)
            raise Wrong(f"{shown} gave {_short(got)}: there are rivals on one side only, so None.")
    return "compared at equal MACs, and silent where there is nothing to compare with."


@exercise(
    "08.3",
    "How fast activations grow",
    "derive",
    '''
def activation_exponent(alpha, beta, gamma):
    """The exponent e with which activations grow, as s**e, when equation 3 multiplies the MACs by s.

    MACs grow as d * w**2 * r**2, activations as d * w * r**2. A step of phi multiplies d, w, r by alpha, beta, gamma.
    """
    step_of_macs = «math.log(alpha * beta**2 * gamma**2)»
    step_of_activations = «math.log(alpha * beta * gamma**2)»
    return «step_of_activations / step_of_macs»
''',
    "One step of φ multiplies the MACs by α β² γ². By what does it multiply the activations?",
    "If MACs grow by M and activations by A, then A = M**e. Take logs.",
    "e = log(α β γ²) / log(α β² γ²).",
)
def _activation_exponent(answer):
    for a, b, c in ((1.2, 1.1, 1.15), (1.0, 1.4, 1.0), (2.0, 1.0, 1.0), (1.1, 1.3, 1.05), (1.0, 1.0, 1.4)):
        macs, activations = math.log(a * b**2 * c**2), math.log(a * b * c**2)
        mistakes = [
            (macs / activations, "turn it over: activations per MACs"),
            (math.exp(activations) / math.exp(macs), "the exponent is the ratio of the logs, not of the factors"),
            (math.log(a * b**2 * c) / macs, "width counts once in activations, resolution twice"),
            (math.log(a * b * c) / macs, "a map has r * r pixels: gamma counts twice"),
            (1.0, "width counts twice in the MACs, but once in the activations"),
            (activations, "divide by the log of the MACs' growth"),
        ]
        answer.compare((a, b, c), activations / macs, mistakes)
    return "0.85 for the paper's constants, 1/2 for width alone, 1 without width."


@exercise(
    "08.4",
    "A scaling rule of your own",
    "derive",
    '''
def dimensions(growth, width_share):
    """Depth, width and resolution multipliers that multiply the MACs by `growth`, by the power law d * w**2 * r**2.

    Width's factor of the MACs, w**2, is growth**width_share; depth's and resolution's factors share the rest equally.
    """
    rest = (1 - width_share) / 2
    d = «growth**rest»
    w = «growth**(width_share / 2)»
    r = «growth**(rest / 2)»
    return d, w, r
''',
    "Three factors, d, w**2 and r**2, whose product is growth. Write each as a power of growth.",
    "w**2 = growth**width_share, so w has half that exponent.",
    "d = growth**rest, w = growth**(width_share / 2), r = growth**(rest / 2).",
)
def _dimensions(answer):
    for growth, share in ((16.0, 0.8), (2.0, 1 / 3), (64.0, 1.0), (8.0, 0.0), (10.0, 0.5)):
        got, shown = answer(growth, share), answer.shown(growth, share)
        if np.shape(got) != (3,) or np.asarray(got).dtype.kind not in "iuf":
            raise Wrong(f"{shown} gave {_short(got)}, not three multipliers: depth, width, resolution.")
        rest = (1 - share) / 2
        exponents = rest, share / 2, rest / 2
        rights = [growth**exponent for exponent in exponents]
        if _same(sorted(got), sorted(rights)) and not _same(got, rights):
            raise Wrong(f"{shown}: the three are right, their order is not: depth, width, resolution.")
        for value, right, exponent, name in zip(got, rights, exponents, ("depth", "width", "resolution")):
            if _same(value, right):
                continue
            cause = ""
            if _same(value, growth ** (2 * exponent)):
                cause = "it counts twice, so halve its exponent" if name != "depth" else "depth gets half of the rest"
            elif name == "depth" and _same(value, growth ** (exponent / 2)):
                cause = "depth counts once in the MACs, so its exponent is not halved"
            raise Wrong(f"{shown}: {name} is {f'{_short(value)}: {cause}' if cause else _apart(value, right)}.")
    return "the product d · w² · r² is the growth, for every share."
