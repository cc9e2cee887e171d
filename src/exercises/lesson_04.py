"""Lesson 04: compound scaling."""

import numpy as np

from architecture import B0, Baseline, Scale, Stage, compound_scale, plan
from exercises.cards import enter_cards


def blocks_on_paper(depth, repeats=tuple(stage.repeats for stage in B0.stages)):
    stages = tuple(Stage(expand=1, kernel=3, stride=1, filters=8, repeats=int(count)) for count in repeats)
    return len(plan(Scale(1.0, depth, 224, baseline=Baseline(stages=stages))).blocks)


def largest_phi(budget):
    costs = [plan(compound_scale(step / 10)).macs for step in range(71)]
    fitting = np.searchsorted(costs, budget, side="right")  # costs rise
    return None if fitting == 0 else (fitting - 1) / 10


enter_cards(
    '''
04.1 recall: Three power laws
def growth(width, depth, resolution):
    """By what factors MACs, parameters and activations grow, if every layer followed the power laws."""
    macs = «depth * width**2 * resolution**2»
    params = «depth * width**2»
    activations = «depth * width * resolution**2»
    return macs, params, activations
? A convolution has k² · inputs · filters weights, and uses each of them once per output pixel.
? Width scales inputs and filters, so weights grow as w². Resolution scales both sides of a map: r² pixels.
? MACs: d · w² · r². Parameters: d · w². Activations, the numbers in the maps: d · w · r².
> (2.0, 1.0, 1.0), (1.0, 3.0, 1.0), (1.0, 1.0, 1.5), (1.1, 1.2, 1.15), (2.0, 3.1, 2.7)
= np.prod(np.power((depth, width, resolution), ((1, 2, 2), (1, 2, 0), (1, 1, 2))), axis=1)
→ MACs, parameters, activations
✗ macs = depth * width**2 -> macs = depth * width # a layer has inputs and filters, and width scales both: square it
✗ macs = depth * width**2 * resolution**2 -> macs = depth * width**2 * resolution
  # an image has rows and columns, and resolution scales both: square it
✗ macs = depth * -> macs = depth**2 * # twice as many blocks cost twice as much: depth counts once
✗ params = depth * -> params = depth * resolution**2 * # a weight does not know how many pixels it is used on
✗ params = depth * width**2 -> params = depth * width # a layer has inputs and filters, and width scales both: square it
✗ * width * resolution**2 -> * width**2 * resolution**2
  # a map holds one number per channel and pixel: width counts once
✗ * width * resolution**2 -> * width * resolution # a map has rows and columns: square the resolution
✓ the three laws hold for width, depth, resolution and their products.

04.2 modify: Count the blocks after rounding
def blocks(depth, repeats=(1, 2, 2, 3, 3, 4, 1)):
    """The number of MBConv blocks of B0 at a depth multiplier: each stage is scaled and rounded up for itself."""
    total = 0
    for count in repeats:
        total += «math.ceil(count * depth)»
    return total
? One more line of Table 1 at a time: count · depth is not a whole number.
? round_repeats rounds up, with math.ceil, and it does so in every stage.
? total += math.ceil(count * depth)
> (1.4,), (1.0,), (1.1,), (1.2,), (1.8,), (2.6,), (3.1,), (0.5,), (4.0,), (1.001,), (1.5, (2, 3, 4))
= blocks_on_paper(depth, repeats)
✗ math.ceil(count * depth) -> math.floor(count * depth) # stages were rounded down; the code rounds up
✗ math.ceil(count * depth) -> round(count * depth) # stages were rounded to the nearest; the code rounds up
✗ math.ceil(count * depth) -> count * depth # there is no fraction of a block; round up
✗ math.ceil(count * depth) -> count * math.ceil(depth) # depth was rounded before multiplying; round the product
✗ return total -> return math.ceil(sum(repeats) * depth) # the sum was rounded; round each stage for itself
✗ return total -> return math.ceil(16 * depth) # the sum was rounded; round each stage for itself
✗ in repeats -> in (1, 2, 2, 3, 3, 4, 1) # use the repeats given
✗ total += math.ceil(count * depth) -> total = math.ceil(count * depth) # that is the last stage alone: += and not =
✗ total += math.ceil(count * depth) -> return math.ceil(count * depth) # that returns after the first stage: add them up
✓ equals the plan at 10 depths; 1.1 and 1.2 both give 23 blocks.

04.3 modify: The largest φ for a budget
def phi_for(budget):
    """The largest φ among 0.0, 0.1 ... 7.0 whose network needs at most `budget` MACs; None if none does."""
    answer = None
    for step in range(71):
        if «plan(compound_scale(step / 10)).macs <= budget»:
            answer = «step / 10»
    return answer
? compound_scale(phi) is a Scale, plan(scale) a network on paper, .macs what it costs.
? The networks grow with φ, so the last one that fits is the largest.
? The condition is plan(compound_scale(step / 10)).macs <= budget; then remember step / 10.
> (10**9,), (4 * 10**9,), (plan(compound_scale(2.0)).macs,), (2 * plan().macs,), (10**8,), (10**12,)
= largest_phi(budget)
✗ <= budget -> < budget # at most means <=
✗ answer = step / 10 -> return step / 10 # a larger one fits too: go on after the first that fits
✗ answer = step / 10 -> answer = step # that is the step; φ is a tenth of it
✗ plan(compound_scale(step / 10)).macs -> plan().macs * 2 ** (step / 10) # 2^φ ignores the rounding; ask the plan
✗ .macs <= budget -> .params <= budget # parameters were compared: use .macs
✓ right for 6 budgets; a billion MACs buy φ = 1.0.

04.4 derive: The constraint, solved for γ
def gamma_of(alpha, beta, growth=2):
    """The γ for which one step of φ multiplies the MACs by `growth`: α · β² · γ² = growth."""
    return «math.sqrt(growth / (alpha * beta**2))»
? Bring everything but γ² to the other side.
? γ² = growth / (α · β²)
? math.sqrt(growth / (alpha * beta**2))
> (1.2, 1.1, 2), (1.0, 1.0, 2), (2.0, 1.0, 2), (1.0, 2**0.5, 2), (1.1, 1.05, 1.92), (1.3, 1.2, 4), (1.2, 1.1)
= (growth / alpha) ** 0.5 / beta
✗ growth / (alpha * beta**2) # that is γ²; take the square root
✗ math.sqrt(growth -> math.sqrt(2 # the growth is an argument, not always 2
✗ growth=2 -> growth=4 # without a third argument the growth is 2
✗ math.sqrt(growth / (alpha * beta)) # β counts twice, for inputs and for filters
✗ math.sqrt(growth / (alpha**2 * beta**2)) # α counts once
✗ math.sqrt(alpha * beta**2 / growth) # turn it over
✗ math.sqrt(growth / alpha * beta**2) # α and β² are both below the line: put their product in brackets
✓ α · β² · γ² = growth in 6 cases; with 1.2 and 1.1, γ would be 1.174, not 1.15.

04.5 derive: The width that costs as much as a deeper network
def width_for(target, linear):
    """The width w at which the MACs are `target` times the baseline's.

    `linear`, from 0 up to, not including, 1: the share of the baseline's MACs that grows as w; the rest grows as w².
    """
    square = 1 - linear
    return «(-linear + math.sqrt(linear**2 + 4 * square * target)) / (2 * square)»
? The MACs at width w are (1 - linear) · w² + linear · w, in multiples of the baseline's.
? Set that equal to the target: a quadratic equation a w² + b w + c = 0 with c = -target.
? Its positive root: (-linear + sqrt(linear² + 4 · (1 - linear) · target)) / (2 · (1 - linear)).
> (4.0, 0.12), (4.0, 0.0), (2.0, 0.5), (1.0, 0.3), (0.5, 0.12), (8.0, 0.05)
= max(np.roots([1 - linear, linear, -target]))
✗ math.sqrt(target) # that is the power law w²; a share of the MACs grows as w only
✗ + math.sqrt -> - math.sqrt # that is the other root; a width is above 0
✗ (2 * square) -> 2 # divide by 2a, and a is 1 - linear
✗ / (2 * square) -> / 2 * square # 2a is below the line as a whole: put it in brackets
✗ (-linear + -> (linear + # the first term of the root is -b, with b = linear
✗ target / (linear or 0.5) # that is the linear part alone
✗ math.sqrt(target / square) # the linear part is missing
✓ (1 - linear) · w² + linear · w meets all targets; four times B0's MACs are width 2.06.
''',
    globals(),
)
