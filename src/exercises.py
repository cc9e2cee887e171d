r"""Exercises: what a learner fills in, the checks, the hints, and a solution each.

    check("01.2", depthwise)    prints one line: right, or which mistake it looks like
    hint("01.2"), hint("01.2", 2), ...    the next nudge
    solution("01.2")            one right answer among many

An exercise is one entry: a solution in which guillemets mark «what the learner writes». The stub in the notebook is the
solution with `...` in their place, so the two cannot drift apart. Checks test properties on several inputs.
"""

import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from architecture import Conv, plan

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
    if level not in range(1, len(hints) + 1):
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
        return False, f"✗ {number} {wrong}"


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
        words = (f"array {a.shape}" if isinstance(a, np.ndarray) else f"{a:_}" for a in args)
        return f"{self.name}({', '.join(words)})"

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
        shape, wanted = np.shape(got), np.shape(right)
        if shape == wanted and shape:
            raise Wrong(f"{self.shown(*args)} has the right shape, {shape}, but other numbers.")
        raise Wrong(f"{self.shown(*args)} gave {_short(got)}, not {_short(right)}.")


def _same_code(answer, entry):
    """Whether a function is the untouched stub."""
    scope = {}
    exec(entry.stub, scope)
    ours, theirs = scope[entry.name].__code__, getattr(answer, "__code__", None)
    return all(getattr(ours, part) == getattr(theirs, part, None) for part in ("co_code", "co_consts", "co_names"))


def _same(got, right):
    """Equal shape and, to 5 digits, equal numbers."""
    try:
        got = np.asarray(got, dtype=float)
    except (TypeError, ValueError):
        return False
    right = np.asarray(right, dtype=float)
    return got.shape == right.shape and np.allclose(got, right, rtol=1e-5, atol=1e-6 * np.abs(right).max(initial=0))


def _short(value):
    if isinstance(value, (bool, str)) or value is None:
        return repr(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_short, value))})"
    if np.ndim(value):
        return f"an array of shape {np.shape(value)}"
    if isinstance(value, (float, np.floating)) and not float(value).is_integer():
        return f"{value:.4g}"
    return f"{int(value):,}" if isinstance(value, (int, float, np.number)) else repr(value)[:60]


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

    features: (h, w, c), before pooling; kernel: (c, classes), of the last dense layer. Returns (h, w).
    """
    weights = «kernel[:, class_index]»
    return «features @ weights»
''',
    "The dense layer has one weight per channel and class. Which of them belong to this class?",
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
    """The k most likely classes, best first, and their probabilities. logits: (classes,). Returns two arrays (k,)."""
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
    logits = np.array([0.3, 2.5, -1.0, 4.0, 1.2, 3.1, -2.0, 0.9])
    for shift, k in ((0, 3), (0, 1), (0, 8), (1000, 3), (-1000, 5)):
        args = (logits + shift, k)
        got, shown = answer(*args), answer.shown(*args)
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Wrong(f"{shown} gave {_short(got)}, not two arrays: the classes, and their probabilities.")
        exponentials = np.exp(logits)
        right = np.argsort(-logits)[:k]
        best, probabilities = (np.asarray(part) for part in got)
        if probabilities.dtype.kind == "f" and not np.isfinite(probabilities).all():
            cause = "with logits this large exp overflows" if shift > 0 else "with logits this small exp gives 0"
            raise Wrong(f"{shown} gave probabilities that are not numbers: {cause}; subtract the largest logit first.")
        if not _same(best, right):
            cause = _order_mistake(best, logits, k)
            raise Wrong(f"{shown} found the classes {best.tolist()}, not {right.tolist()}: {cause}.")
        for value, message in (
            (exponentials[right] / exponentials[right].sum(), "divide by the sum over all classes, not just k"),
            (exponentials[right] * math.exp(shift) if shift < 700 else np.inf, "divide by the sum of the exponentials"),
            (np.exp(logits - logits.max())[right], "divide by the sum of the exponentials"),
            (args[0][right], "those are the logits; softmax comes first"),
        ):
            if k < len(logits) and _same(probabilities, value):
                raise Wrong(f"{shown}: the classes are right, their probabilities are not; {message}.")
        if not _same(probabilities, exponentials[right] / exponentials.sum()):
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
              (28, 3, 48, 48, 1, 48), (15, 5, 12, 24, 2, 4))  # fmt: skip
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
def depthwise(image, kernels):
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
    "What separating saves",
    "derive",
    '''
def cost_ratio(kernel, filters):
    """MACs of depthwise + pointwise, divided by those of the dense convolution that they replace."""
    return «1 / filters + 1 / kernel**2»
''',
    "Write down three counts for a size x size image: dense, depthwise, pointwise.",
    "Dense: size² k² C N. Depthwise: size² k² C. Pointwise: size² C N.",
    "Divide each of the two by the dense count; size and C cancel, and what stays is 1/N and 1/k².",
)
def _cost_ratio(answer):
    pairs = ((3, 64), (5, 40), (1, 8), (7, 2), (3, 1))
    for k, n in pairs:
        ratios = []
        for inputs, size in ((16, 14), (3, 57)):
            depthwise = Conv("depthwise", inputs, inputs, size, k, depthwise=True)
            pointwise, dense = Conv("pointwise", inputs, n, size), Conv("dense", inputs, n, size, k)
            ratios.append((depthwise.macs + pointwise.macs) / dense.macs)
        if not _same(ratios[0], ratios[1]):
            raise AssertionError("the ratio depends on more than kernel and filters")
        mistakes = (
            (1 / ratios[0], "that is dense over separable; turn it over"),
            (1 / n, "that is the depthwise half; the pointwise convolution costs too"),
            (1 / k**2, "that is the pointwise half; the depthwise convolution costs too"),
            (1 / n + 1 / k, "a kernel has kernel x kernel weights; square it"),
            (1 / (n * k**2), "the two convolutions run one after the other; add their costs"),
            (1 / (n + k**2), "add the two fractions, not their denominators"),
            (1 - ratios[0], "that is what is saved; the question is what is left"),
        )
        answer.compare((k, n), ratios[0], mistakes)
    return f"equals the plan's ratio for {len(pairs)} pairs of kernel and filters, whatever the image and the inputs."


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
