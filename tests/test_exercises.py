"""Every exercise: the solution, another right answer, the stub, and wrong answers whose message names the mistake."""

import linecache
import math
import re

import numpy as np
import pytest

import exercises
from architecture import Scale, compound_scale, plan
from exercises import EXERCISES, KINDS, cell, check, find, hint, solution, stub, verdict

SCOPE = dict(np=np, math=math, plan=plan, compound_scale=compound_scale)  # what a lesson has imported by then


def define(source, name):
    """The function, as a notebook's cell defines it: its source stays known."""
    scope, cell = dict(SCOPE), f"<cell {abs(hash(source))}>"
    linecache.cache[cell] = len(source), None, source.splitlines(keepends=True), cell
    exec(compile(source, cell, "exec"), scope)
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
    "01.4": lambda kernel, channels, depthwise: kernel**2 / 8 if depthwise else channels * kernel**2 / 8,
    "01.5": rank_one_eigen,
    "02.1": lambda inputs, expand, ratio=0.25:
        (max(1, int(inputs * ratio)) + 1) * inputs * expand + max(1, int(inputs * ratio)) * (inputs * expand + 1),
    "02.2": lambda z, kernel: 1 / (1 + np.exp(-np.convolve(z, kernel[::-1], "full")[len(kernel) // 2 :][: len(z)])),
    "02.3": lambda ratio, size: ratio / size / size,
    "02.4": lambda gate, project: np.einsum("c,abcn->abcn", gate, project),
    "03.1": lambda size, inputs, expand, stride, filters: (
        [size, size, inputs * expand],
        [-(-size // stride)] * 2 + [inputs * expand],
        [-(-size // stride)] * 2 + [filters],
        np.bool_(inputs == filters and stride < 2),
    ),
    "03.2": lambda inputs, branch, rate, uniform:
        inputs + np.einsum("nhwc,n->nhwc", branch, (uniform >= rate) / (1 - rate)),
    "03.3": lambda kernel, gamma, beta, mean, variance, epsilon=1e-3: (
        np.einsum("abcn,c->abcn", kernel, gamma * (variance + epsilon) ** -0.5),
        ((beta - mean * gamma * (variance + epsilon) ** -0.5)[:, None] * kernel[0, 0]).sum(0),
    ),
    "03.4": lambda layers: 1 + sum((k - 1) * math.prod(s for _, s in layers[:i]) for i, (k, _) in enumerate(layers)),
    "03.5": lambda kernel, channels: 1 / (2 / kernel**2 + 1 / channels),
    "04.1": lambda w, d, r: np.array([w * w * d * r * r, w * w * d, w * d * r * r]),
    "04.2": lambda depth, repeats=(1, 2, 2, 3, 3, 4, 1): sum(-int(-count * depth // 1) for count in repeats),
    "04.3": lambda budget: max(
        (i / 10 for i in range(71) if plan(compound_scale(i / 10)).macs <= budget), default=None),
    "04.4": lambda alpha, beta, growth=2: (growth / alpha) ** 0.5 / beta,
    "04.5": lambda target, linear: max(np.roots([1 - linear, linear, -target])),
    "05.1": lambda reported, macs:
        next((n for n in (1, 2) if 0.95 <= reported / (n * macs) <= 1.05), 0),
    "05.2": lambda costs, accuracies: np.array([
        all(any(a < b for a, b in zip(one, other)) or list(one) == list(other) for other in np.c_[costs, -accuracies])
        for one in np.c_[costs, -accuracies]
    ]),
    "05.3": lambda gigabytes, kept, params, number_bytes:
        max(0, math.floor((gigabytes - params * 16e-9) / (kept * number_bytes * 1e-9))),
    "05.4": lambda share, factor: (share * (1 / factor - 1) + 1) ** -1,
    "06.1": lambda pixels, halvings=5: -(-pixels // 2**halvings),
    "06.2": lambda kernel, channels: np.einsum("abcn,k->abkn", kernel, np.ones(channels) / channels),
    "06.3": lambda counts: np.mean([row[i] / sum(row) for i, row in enumerate(counts.tolist()) if any(row)]),
    "06.4": lambda momentum, left: next(n for n in range(10**6) if momentum**n <= left),
    "07.1": lambda r, scale, zero: (
        np.minimum(np.maximum(np.rint(r / scale + zero), -128), 127),
        np.minimum(np.maximum(np.rint(r / scale + zero), -128), 127) * scale - zero * scale),
    "07.2": lambda kernel, depthwise:
        np.array([abs(channel).max() / 127 for channel in np.moveaxis(kernel, 3 - depthwise, 0)]),
    "07.3": lambda low, high, error:
        next(n for n in range(1, 99) if 2**n >= 1 + (high - low) / 2 / error * (1 - 1e-12)),
    "07.4": lambda step, batch, rate, up, steps: rate * batch / 256 * (
        step / up if step < up else math.cos(math.pi / 2 * (step - up) / (steps - up)) ** 2),
    "07.5": lambda batch, speed, devices, params, bandwidth:
        batch / (devices * speed) + 8 * params * (1 - 1 / devices) / bandwidth,
    "08.1": lambda value, printed: round(value, len(printed.partition(".")[2])) == float(printed),
    "08.2": lambda macs, top1, rival_macs, rival_top1:
        None if not min(rival_macs) <= macs <= max(rival_macs) else
        top1 - np.interp(np.log2(macs), *np.array(sorted(zip(np.log2(rival_macs), rival_top1))).T),
    "08.3": lambda alpha, beta, gamma: 1 - math.log(beta) / math.log(alpha * beta**2 * gamma**2),
    "08.4": lambda growth, width_share:
        [growth ** ((1 - width_share) / 2), math.sqrt(growth**width_share), growth ** (0.25 - width_share / 4)],
}  # fmt: skip

ODD = [None, "b3", "1.0", 7, 10**400, (), (1, 2), [1.0], [1j], np.eye(2), {"q": np.eye(2)}, True, {}, 1j, math.nan]

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
    ("00.3", edited("00.3", ("logits.max()", "logits.mean()")), r"exp overflows; subtract the largest"),
    ("00.3", lambda logits, k: (np.arange(k), [1.0, [2]]), r"not an array of numbers"),
    ("00.3", lambda logits, k: ([None, 1, 2], np.ones(3)), r"found the classes|not an array of numbers"),
    ("01.1", edited("01.1", ("math.ceil(size / stride)", "size // stride")), r"round up"),
    ("01.1", edited("01.1", ("math.ceil(size / stride)", "round(size / stride)")), r"round up|not"),
    ("01.1", edited("01.1", ("math.ceil(size / stride)", "size // stride + size % stride")), r"gave .* not"),
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
    ("01.3", edited("01.3", ("inputs % groups == 0 and filters % groups == 0", "(inputs + filters) % groups == 0")),
     r"must raise ValueError"),
    ("01.3", edited("01.3", ("inputs % groups == 0 and filters % groups == 0", "inputs % groups == filters % groups")),
     r"must raise ValueError"),
    ("01.4", lambda kernel, channels, depthwise: 8 / kernel**2 / (1 if depthwise else channels), r"turn it over"),
    ("01.4", edited("01.4", ("kernel**2", "kernel")), r"square it"),
    ("01.4", edited("01.4", ("2 * 4 *", "4 *")), r"count both"),
    ("01.4", edited("01.4", ("2 * 4 *", "2 *")), r"has 4 bytes"),
    ("01.4", edited("01.4", ("2 * 4 *", "")), r"read and the output is written, and each"),
    ("01.4", edited("01.4", ("2 * 4 *", "2 * 32 *")), r"for each bit"),
    ("01.4", edited("01.4", ("1 if depthwise else channels", "channels")), r"depthwise filter sees one channel"),
    ("01.4", edited("01.4", ("1 if depthwise else channels", "1")), r"dense layer sees all channels"),
    ("01.4", edited("01.4", ("1 if depthwise else channels", "1"), ("2 * 4 *", "4 *")), r"count both"),
    ("01.5", edited("01.5", ("s[0] * ", "")), r"take s\[0\] along exactly once"),
    ("01.5", edited("01.5", ("= u[:, 0]", "= s[0] * u[:, 0]")), r"take s\[0\] along exactly once"),
    ("01.5", edited("01.5", ("vt[0]", "vt[:, 0]")), r"raised ValueError|first row, vt\[0\]"),
    ("01.5", edited("01.5", ("= u[:, 0]", "= u[0]")), r"raised ValueError|first column"),
    ("01.5", edited("01.5", ("kernel[:, :, c]", "kernel[:, :, 0]")), r"one SVD per input channel"),
    ("01.5", lambda kernel: kernel, r"not two arrays of shapes"),
    ("01.5", edited("01.5", ("s[0] * vt[0]", "np.sqrt(s[0] * vt[0])")), r"not numbers: is there a root"),
    ("02.1", edited("02.1", ("int(inputs * ratio)", "int(wide * ratio)")), r"share of the expanded channels"),
    ("02.1", edited("02.1", (" + narrow + wide", "")), r"has biases too"),
    ("02.1", edited("02.1", ("2 * wide * narrow + narrow + wide", "wide * narrow + narrow")), r"second widens again"),
    ("02.1", edited("02.1", ("narrow + wide", "4 * narrow + 4 * wide")), r"batch normalization"),
    ("02.1", edited("02.1", ("inputs * expand\n", "inputs\n")), r"wide is inputs \* expand"),
    ("02.1", edited("02.1", ("max(1, int(inputs * ratio))", "int(inputs * ratio)")), r"keeps one channel at least"),
    ("02.1", edited("02.1", ("int(inputs * ratio)", "math.ceil(inputs * ratio)")), r"is rounded down"),
    ("02.1", edited("02.1", ("int(inputs * ratio)", "round(inputs * ratio)")), r"is rounded down"),
    ("02.1", edited("02.1", ("int(inputs * ratio)", "inputs // round(1 / ratio)")), r"gave 273, not 364|not 364"),
    ("02.2", edited("02.2", ("1 / (1 + np.exp(-mixed))", "mixed")), r"the gate is their sigmoid"),
    ("02.2", edited("02.2", ("@ kernel", "@ kernel[::-1]")), r"do not flip it"),
    ("02.2", edited("02.2", ("len(kernel) // 2)", "len(kernel) // 2, mode='edge')")), r"pad with zeros"),
    ("02.2", edited("02.2", ("np.exp(-mixed)", "np.exp(mixed)")), r"sign in the exponent"),
    ("02.2", edited("02.2", ("1 / (1 + np.exp(-mixed))", "np.tanh(mixed)")), r"tanh goes from -1"),
    ("02.3", edited("02.3", (" / size**2", "")), r"share of the weights"),
    ("02.3", edited("02.3", ("size**2", "size")), r"size\*\*2 pixels"),
    ("02.3", edited("02.3", ("ratio / size**2", "6 * ratio / size**2")), r"expand cancels"),
    ("02.3", edited("02.3", ("ratio / size**2", "size**2 / ratio")), r"turn it over"),
    ("02.3", lambda ratio, size: 1 / round(1 / ratio) / size**2, r"not 0\.004"),
    ("02.4", edited("02.4", ("gate[:, None]", "gate")), r"output channels"),
    ("02.4", edited("02.4", ("gate[:, None] * project", "project / gate[:, None]")), r"divided by the gate"),
    ("02.4", edited("02.4", ("gate[:, None] * project", "gate[:, None] * project[0, 0]")), r"keep the kernel's shape"),
    ("03.1", edited("03.1", ("math.ceil(size / stride)", "size // stride")), r"round up"),
    ("03.1", edited("03.1", ("expanded = (size, size", "expanded = (small, small")), r"after expand"),
    ("03.1", edited("03.1", ("filtered = (small, small", "filtered = (size, size")), r"in the depthwise convolution"),
    ("03.1", edited("03.1", ("stride == 1 and ", "")), r"the skip needs equal shapes"),
    ("03.1", edited("03.1", (" and inputs == filters", "")), r"the skip needs equal shapes"),
    ("03.1", edited("03.1", ("small, filters)", "small, wide)")), r"project brings the channels to filters"),
    ("03.1", edited("03.1", ("expanded = (size, size, wide)", "expanded = (size, size, filters)")), r"stay wide until"),
    ("03.1", edited("03.1", ("expanded = (size, size, wide)", "expanded = (size, size, inputs)")), r"the input's"),
    ("03.1", edited("03.1", ("math.ceil(size / stride)", "round(size / stride)")), r"round up|the filtered map is"),
    ("03.1", edited("03.1", ("math.ceil(size / stride)", "(size + 1) // stride")), r"round up|the filtered map is"),
    ("03.1", edited("03.1", ("stride == 1 and inputs", "stride < 3 and inputs")), r"the skip needs equal shapes"),
    ("03.1", edited("03.1", ("stride == 1 and inputs", "stride != 2 and inputs")), r"the skip needs equal shapes"),
    ("03.1", edited("03.1", ("stride == 1 and", "expand > 1 and stride == 1 and")), r"the skip needs equal shapes"),
    ("03.2", edited("03.2", (" / survival", "")), r"must be scaled"),
    ("03.2", edited("03.2", ("/ survival", "* survival")), r"divide by 1 - rate"),
    ("03.2", edited("03.2", ("survival = 1 - rate", "survival = rate")), r"is the share dropped"),
    ("03.2", edited("03.2", ("uniform < survival", "uniform < rate")), r"drops with probability 1 - rate"),
    ("03.2", edited("03.2", ("inputs + survives", "survives")), r"the input is missing"),
    ("03.2", edited("03.2", ("uniform < survival", "uniform.argsort().argsort() < len(uniform) * survival")),
     r"other numbers"),
    ("03.2", edited("03.2", ("[:, None, None, None]", "")), r"raised ValueError"),
    ("03.3", edited("03.3", ("scale[:, None]", "scale")), r"raised ValueError|belongs to the input channels"),
    ("03.3", edited("03.3", (" + epsilon", "")), r"epsilon is missing"),
    ("03.3", edited("03.3", ("np.sqrt(variance + epsilon)", "(variance + epsilon)")), r"the root is missing"),
    ("03.3", edited("03.3", ("shift @ kernel[0, 0]", "shift")), r"send them through the kernel"),
    ("03.3", edited("03.3", (" - mean * scale", " - mean")), r"divided by the standard deviation too"),
    ("03.3", edited("03.3", ("beta - mean * scale", "beta")), r"the mean is missing"),
    ("03.4", edited("03.4", (" * step", "")), r"further apart"),
    ("03.4", edited("03.4", ("(kernel - 1)", "kernel")), r"kernel - 1"),
    ("03.4", edited("03.4", ("(kernel - 1) * step", "(kernel - 1) * step * stride")), r"own stride"),
    ("03.4", edited("03.4", ("step *= stride", "step += stride - 1")), r"strides multiply"),
    ("03.4", edited("03.4", ("seen, step = 1, 1", "seen, step = 0, 1")), r"start at 1"),
    ("03.4", edited("03.4", ("step *= stride", "step *= min(stride, 2)")), r"not 13"),
    ("03.5", edited("03.5", ("(2 * channels", "(channels")), r"that is twice"),
    ("03.5", edited("03.5", ("kernel**2", "kernel")), r"square it"),
    ("03.5", edited("03.5", (" + kernel**2)", ")")), r"without the depthwise"),
    ("03.5", lambda kernel, channels: (2 * channels + kernel**2) / (kernel**2 * channels), r"solve for the ratio"),
    ("04.1", edited("04.1", ("macs = depth * width**2", "macs = depth * width")), r"MACs grow.*width scales both"),
    ("04.1", edited("04.1", ("macs = depth *", "macs = depth**2 *")), r"depth counts once"),
    ("04.1", edited("04.1", ("params = depth *", "params = depth * resolution**2 *")), r"a weight does not know"),
    ("04.1", edited("04.1", ("* width * resolution", "* width**2 * resolution")), r"width counts once"),
    ("04.1", lambda width, depth, resolution: depth, r"not three factors"),
    ("04.2", edited("04.2", ("math.ceil(count * depth)", "math.floor(count * depth)")), r"rounded down"),
    ("04.2", edited("04.2", ("math.ceil(count * depth)", "round(count * depth)")), r"to the nearest"),
    ("04.2", edited("04.2", ("math.ceil(count * depth)", "math.ceil(round(count * depth, 2))")), r"rounded down"),
    ("04.2", lambda depth, repeats=(16,): math.ceil(16 * depth), r"the sum was rounded"),
    ("04.2", edited("04.2", ("math.ceil(count * depth)", "count * math.ceil(depth)")), r"round the product"),
    ("04.2", lambda depth, repeats=(): len(plan(Scale(1.0, depth, 224)).blocks), r"use the repeats given"),
    ("04.3", edited("04.3", ("<= budget", "< budget")), r"at most means <="),
    ("04.3", edited("04.3", ("answer = step / 10", "return step / 10")), r"after the first"),
    ("04.3", edited("04.3", ("answer = step / 10", "answer = step")), r"a tenth"),
    ("04.3", edited("04.3", ("plan(compound_scale(step / 10)).macs", "plan().macs * 2**(step / 10)")), r"ask the plan"),
    ("04.3", edited("04.3", (".macs", ".params")), r"use .macs"),
    ("04.4", edited("04.4", ("math.sqrt", "")), r"take the square root"),
    ("04.4", edited("04.4", ("beta**2", "beta")), r"β counts twice"),
    ("04.4", edited("04.4", ("(growth /", "(2 /")), r"not always 2"),
    ("04.4", edited("04.4", ("growth=2", "growth=4")), r"without a third argument the growth is 2"),
    ("04.5", lambda target, linear: math.sqrt(target), r"grows as w only"),
    ("04.5", edited("04.5", ("+ math.sqrt", "- math.sqrt")), r"the other root"),
    ("04.5", edited("04.5", ("(2 * square)", "2")), r"divide by 2a"),
    ("04.5", lambda target, linear: target / linear if linear else 2.0, r"the linear part alone"),
    ("05.1", edited("05.1", ("= operations * macs", "= macs")), r"reports about 2 \* macs"),
    ("05.1", edited("05.1", ("abs(reported - expected)", "(reported - expected)")), r"both directions, so take abs"),
    ("05.1", edited("05.1", ("0.05", "0.6")), r"5 % of what is expected|far too few"),
    ("05.1", lambda reported, macs: round(reported / macs), r"5 % of what is expected|neither"),
    ("05.1", edited("05.1", ("0.05 * expected", "0.03 * expected")), r"allow 5 %"),
    ("05.1", edited("05.1", ("0.05 * expected", "0.1 * expected")), r"5 % of what is expected"),
    ("05.1", edited("05.1", ("0.05 * expected", "0.05 * macs")), r"within 5 % of that"),
    ("05.2", edited("05.2", ("(costs < cost).any(axis=1) | ", "")), r"less of a cost|, and not &"),
    ("05.2", edited("05.2", (" | (accuracies > accuracy)", "")), r"more accuracy at equal costs|\|, and not &"),
    ("05.2", edited("05.2", ("(costs <= cost).all(axis=1)", "(costs[:, 0] <= cost[0])"),
                    ("(costs < cost).any(axis=1)", "(costs[:, 0] < cost[0])")), r"not only the first"),
    ("05.2", edited("05.2", ("(costs < cost).any(axis=1)", "(costs[:, :2] < cost[:2]).any(axis=1)")), r", and not"),
    ("05.2", edited("05.2", ("no_worse & better", "no_worse")), r"no worse than itself"),
    ("05.2", edited("05.2", (".all(axis=1)", ".any(axis=1)")), r"all, and not any"),
    ("05.2", edited("05.2", ("any(axis=1) |", "any(axis=1) &")), r"\|, and not &"),
    ("05.2", edited("05.2", ("not (no", "(no")), r"the opposite"),
    ("05.3", edited("05.3", ("4 * 4 * params", "4 * params")), r"four numbers, not one"),
    ("05.3", edited("05.3", ("4 * 4 * params", "0")), r"parameters need memory too"),
    ("05.3", edited("05.3", ("kept * number_bytes", "kept * 4")), r"not always 4"),
    ("05.3", edited("05.3", ("max(0, int(", "(int(")), r"fewer than none"),
    ("05.3", edited("05.3", (" // per_image", " / per_image"), ("int(", "float(")), r"only whole images"),
    ("05.3", edited("05.3", ("10**9 - fixed)", "10**9 - fixed - 1)")), r"exactly still fits"),
    ("05.3", edited("05.3", ("(gigabytes * 10**9 - fixed)", "abs(gigabytes * 10**9 - fixed)")), r"there is no room"),
    ("05.4", edited("05.4", ("return 1 / (others + faster)", "return others + faster")), r"that is the new time"),
    ("05.4", edited("05.4", ("1 / (others + faster)", "1 / others")), r"still take time"),
    ("05.4", edited("05.4", ("share / factor", "share * factor"), ("1 / (", "("),), r"speeds do not"),
    ("05.4", edited("05.4", ("1 / (others + faster)", "factor / share if share else np.inf")), r"only a part"),
    ("05.4", lambda share, factor: 1 / (1 - share / 2) if factor == 2 else 1 / (1 - share + share / min(factor, 2)),
     r"gave"),
    ("06.1", edited("06.1", ("math.ceil(pixels / 2)", "pixels // 2")), r"rounds down"),
    ("06.1", edited("06.1", ("math.ceil(pixels / 2)", "pixels / 2")), r"whole pixels"),
    ("06.1", lambda pixels, halvings=5: math.ceil(pixels / 32), r"not always 5"),
    ("06.2", edited("06.2", ("total / channels", "total")), r"the whole sum"),
    ("06.2", edited("06.2", ("total / channels", "total / 3")), r"that is the mean"),
    ("06.2", edited("06.2", ("kernel.sum", "kernel.mean")), r"a third of the sum"),
    ("06.3", lambda counts: np.trace(counts) / counts.sum(), r"large classes outvote"),
    ("06.3", edited("06.3", ("sum(axis=1)", "sum(axis=0)")), r"in its row"),
    ("06.3", lambda counts: (np.diag(counts) / counts.sum(axis=1)).mean(), r"0 / 0"),
    ("06.3", edited("06.3", ("images > 0", "np.diag(counts) > 0")), r"counts, as 0"),
    ("06.3", edited("06.3", ("images > 0", "(images > 0) & (counts.sum(axis=0) > 0)")), r"never guessed counts too"),
    ("06.3", lambda counts: np.float32(np.nan), r"0 / 0"),
    ("06.4", lambda momentum, left: math.floor(math.log(left) / math.log(momentum)) + 1, r"exactly the share left"),
    ("06.4", edited("06.4", ("math.ceil(", "math.floor(")), r"round up"),
    ("06.4", edited("06.4", ("math.log(left)", "math.log(1 - left)")), r"not what is gone"),
    ("06.4", lambda momentum, left: math.ceil((1 - left) / (1 - momentum)), r"not by an amount"),
    ("07.1", edited("07.1", ("np.clip(np.round(r / scale) + zero, -128, 127)", "np.round(r / scale) + zero")), r"clip"),
    ("07.1", edited("07.1", ("np.round(r / scale)", "r / scale")), r"not rounded"),
    ("07.1", edited("07.1", ("np.round(r / scale)", "np.round(r * scale)")), r"divide by the scale"),
    ("07.1", edited("07.1", ("-128, 127", "0, 255")), r"from -128 to 127"),
    ("07.1", edited("07.1", ("scale * (q - zero)", "scale * q")), r"subtracted first"),
    ("07.1", edited("07.1", ("scale * (q - zero)", "(q - zero) / scale")), r"multiply by the scale"),
    ("07.1", edited("07.1", ("np.round(r / scale)", "np.trunc(r / scale)")), r"astype\(int\) cuts off"),
    ("07.1", edited("07.1", ("-128, 127", "-127, 127")), r"the smallest integer is -128"),
    ("07.1", edited("07.1", ("np.clip(np.round(r / scale) + zero, -128, 127)",
                             "(np.round(r / scale) + zero).astype(int).astype(np.int8)")), r"at the other end: clip"),
    ("07.1", edited("07.1", ("-128, 127)", "-128, 127).astype(np.int8)"), ("q - zero", "q - np.int8(zero)")),
     r"more than 8 bits"),
    ("07.1", edited("07.1", ("return q, back", "return back, q")), r"the other way round, integers first"),
    ("07.1", lambda r, scale, zero: r, r"not two arrays"),
    ("07.2", edited("07.2", ("(0, 1, 3) if depthwise else (0, 1, 2)", "(0, 1, 2)")), r"outputs of a depthwise"),
    ("07.2", edited("07.2", ("axis=(0, 1, 3) if depthwise else (0, 1, 2)", "")), r"the whole layer"),
    ("07.2", edited("07.2", ("np.abs(kernel)", "kernel")), r"may be negative"),
    ("07.2", edited("07.2", ("/ 127", "/ 128")), r"127 is the largest"),
    ("07.2", edited("07.2", ("if depthwise", "if kernel.shape[3] == 1")), r"gave|not"),
    ("07.3", edited("07.3", ("(high - low)", "high")), r"its length is high - low"),
    ("07.3", edited("07.3", ("steps + 1)", "steps)) + (0 * steps")), r"2\*\*n - 1 steps"),
    ("07.3", lambda low, high, error: math.ceil(math.log2(int((high - low) / (2 * error)) + 1)), r"not round the"),
    ("07.3", lambda low, high, error: math.floor(math.log2((high - low) / (2 * error) + 1)) + 1, r"one bit less is"),
    ("07.3", edited("07.3", ("(2 * error)", "error")), r"S may be twice the error"),
    ("07.3", edited("07.3", ("math.ceil(", "(")), r"round up"),
    ("07.3", edited("07.3", ("steps + 1", "steps")), r"2\*\*n - 1 steps"),
    ("07.4", edited("07.4", ("rate * batch / 256", "rate")), r"scale the rate with the batch"),
    ("07.4", edited("07.4", ("rate * batch / 256", "rate * (batch / 256) ** 0.5")), r"not by the square root"),
    ("07.4", edited("07.4", ("(step - up) / (steps - up)", "step / steps")), r"when the warm-up ends"),
    ("07.4", edited("07.4", ("step / up", "(step + 1) / up")), r"the warm-up is at 0 at step 0"),
    ("07.4", edited("07.4", ("step / up", "(step / up) ** 2")), r"gave .*, not"),
    ("07.4", edited("07.4", ("(step - up) / (steps - up)", "(step - up) / steps")), r"lasts from `up` to `steps`"),
    ("07.4", edited("07.4", (")) / 2", "))")), r"halve it"),
    ("07.4", edited("07.4", ("step < up", "False")), r"raised|not 0|gave"),
    ("07.4", edited("07.4", ("peak * step / up", "peak")), r"the warm-up is missing"),
    ("07.4", edited("07.4", ("(1 + math.cos(math.pi * part)) / 2", "math.cos(math.pi * part)")), r"shift and halve"),
    ("07.5", edited("07.5", ("batch / devices / speed", "batch / speed")), r"only its share"),
    ("07.5", edited("07.5", ("4 * params", "params")), r"4 bytes"),
    ("07.5", edited("07.5", ("2 * (devices - 1)", "(devices - 1)")), r"two passes"),
    ("07.5", edited("07.5", ("4 * params / devices", "4 * params")), r"one n-th"),
    ("07.5", edited("07.5", ("2 * (devices - 1)", "2 * devices")), r"nobody to send to"),
    ("07.5", edited("07.5", ("2 * (devices - 1)", "2 * devices if devices > 1 else 0")), r"sends nothing"),
    ("07.5", edited("07.5", ("compute + rounds * piece / bandwidth", "max(compute, rounds * piece / bandwidth)")),
     r"add them"),
    ("07.5", edited("07.5", ("4 * params", "32 * params")), r"not in bits"),
    ("08.1", edited("08.1", ('len(printed.partition(".")[2])', "1")), r"the last 0 of 0.70"),
    ("08.1", edited("08.1", ("abs(value - float(printed))", "(value - float(printed))")), r"either direction"),
    ("08.1", lambda value, printed: f"{value:.{len(printed.replace('.', '').lstrip('0'))}g}" == printed, r"not all"),
    ("08.1", lambda value, printed: str(value).startswith(printed), r"rounded, not cut off"),
    ("08.1", edited("08.1", ("0.5 * 10**-decimals", "0.05 * value")), r"the last 0 of 0.70"),
    ("08.1", edited("08.1", ("0.5 *", "0.9 *")), r"round, do not cut off"),
    ("08.1", lambda value, printed: f"{value:.2g}" == printed, r"rounded to the one decimal of 0.7"),
    ("08.1", lambda value, printed: abs(value / float(printed) - 1) < 0.015, r"the last 0|rounded to"),
    ("08.1", edited("08.1", ('len(printed.partition(".")[2])', "len(printed) - 2")), r"behind the point"),
    ("08.2", lambda *args: -OTHERS["08.2"](*args), r"the sign is the other way round"),
    ("08.2", edited("08.2", ("rival_top1[order]", "np.sort(rival_top1)")), r"stays with its MACs"),
    ("08.2", edited("08.2", ("<= x[-1]", "< x[-1]")), r"gave None: with rivals on both sides"),
    ("08.2", edited("08.2", ("top1 - np", "np")), r"that is the rivals' accuracy"),
    ("08.2", edited("08.2", ("np.log(", "(")), r"over log\(MACs\), not over MACs"),
    ("08.2", edited("08.2", ("rival_top1[order]", "rival_top1")), r"into the same order"),
    ("08.2", edited("08.2", ("not x[0] <= np.log(macs) <= x[-1]", "False")), r"on one side only, so None"),
    ("08.3", lambda *args: 1 / OTHERS["08.3"](*args), r"turn it over"),
    ("08.3", edited("08.3", ("alpha * beta * gamma**2", "alpha * beta * gamma")), r"gamma counts twice"),
    ("08.3", edited("08.3", ("beta * gamma**2", "beta**2 * gamma")), r"width counts once in activations"),
    ("08.3", edited("08.3", ("math.log", "")), r"ratio of the logs"),
    ("08.4", edited("08.4", ("(width_share / 2)", "width_share")), r"width is .*twice, so halve its exponent"),
    ("08.4", edited("08.4", ("(rest / 2)", "rest")), r"resolution is .*it counts twice"),
    ("08.4", edited("08.4", ("growth**rest", "growth**(rest / 2)")), r"depth counts once in the MACs"),
    ("08.4", edited("08.4", ("(1 - width_share) / 2", "1 - width_share")), r"half of the rest"),
    ("08.4", lambda *args: OTHERS["08.4"](*args)[::-1], r"their order is not"),
    ("08.4", lambda *args: [round(value, 3) for value in OTHERS["08.4"](*args)], r"do not round"),
    ("08.4", lambda growth, width_share: growth, r"not three multipliers"),
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
            assert not right and line.startswith("○") and "\n" not in line

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
        for level in (9, 1.0, "1"):
            with pytest.raises(ValueError, match=f"level is {level!r}; allowed: 1 to"):
                hint(number, level)

    def test_an_answer_that_raises_is_reported_in_one_line(self, number):
        def broken(*args):
            raise KeyError("first line\nsecond line")

        right, line = verdict(number, broken)
        assert not right and "raised KeyError" in line and "\n" not in line

    @pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:20])
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


def test_an_ellipsis_in_an_index_is_no_gap():
    answer = edited("00.2", ("kernel[:, class_index]", "kernel[..., 0]"))
    assert verdict("00.2", answer)[1].startswith("✗")
    answer = edited("00.2", ("kernel[:, class_index]", "kernel[..., class_index]"))
    assert verdict("00.2", answer)[0]


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
