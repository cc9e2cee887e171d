"""Lesson 08: reading the paper again."""

from exercises.cards import enter_cards

enter_cards(
    '''
08.1 recall: Does a count agree with a printed number?
def agrees(value, printed):
    """Whether `value`, rounded to as many decimals as the string `printed` shows, is the printed number."""
    decimals = «len(printed.partition(".")[2])»
    return «abs(value - float(printed)) <= 0.5 * 10**-decimals»
? How many digits follow the point of "0.70", of "0.7", of "37"?
? Rounding moves a number by half a unit of its last digit at most, in either direction.
? decimals: len(printed.partition(".")[2]). Then abs(value - float(printed)) <= 0.5 * 10**-decimals.
> (1.79, "2.0"), (0.3858, "0.39"), (0.6868, "0.70"), (0.6868, "0.7"), (4.3938, "4.2"), (37.746, "37"), (37.4, "37"),
  (10.266, "9.9"), (10.266, "10.27"), (1.8271, "1.8"), (9.96, "10.0")
= round(value, len(printed.partition(".")[2])) == float(printed)
✗ len(printed.partition(".")[2]) -> 1 # the last 0 of 0.70 is a digit as well: it has two decimals, and 37 has none
✗ len(printed.partition(".")[2]) -> len(printed) - 2 # only digits behind the point are decimals: 10.27 has two
✗ len(printed.partition(".")[2]) -> len(printed) # only digits behind the point are decimals: 10.27 has two
✗ abs(value - float(printed)) -> (value - float(printed)) # the difference counts in either direction: take abs
✗ 0.5 * -> # to whole numbers 37.746 is 38: round, do not cut off; allow half a unit of the last digit
✗ 0.5 * 10**-decimals -> 0.05 * value # a printed number allows half a unit of its last digit: 0.70 has two decimals
✗ abs(value - float(printed)) <= 0.5 * 10**-decimals -> str(value).startswith(printed)
  # rounded, not cut off, to the two decimals of 0.39 it is 0.39
✗ abs(value - float(printed)) <= 0.5 * 10**-decimals -> f"{value:.2g}" == printed
  # count the digits behind the point, not all: 10.27 has two decimals
✗ abs(value - float(printed)) <= 0.5 * 10**-decimals -> round(value, 2) == float(printed)
  # rounded to the one decimal of 0.7 it is 0.7
✓ B1's 0.687 is 0.7, but not 0.70.

08.2 modify: A comparison at equal MACs
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
? np.interp(place, x, y) needs x in rising order; y must be put into the same order.
? Both axes of the question are logs of MACs: np.log(rival_macs[order]) and np.log(macs).
? np.interp would repeat the last rival for ever: return None unless x[0] <= np.log(macs) <= x[-1].
> *((macs, top1, np.array([4.0, 0.4, 1.6, 0.8]), np.array([79.4, 74.1, 76.1, 76.3])) for macs, top1 in
  ((3.0, 80.0), (1.0, 76.5), (1.8, 75.5), (0.4, 75.1), (4.0, 80.0), (10.3, 78.3), (0.2, 78.3)))
= None if not min(rival_macs) <= macs <= max(rival_macs) else
  top1 - np.interp(np.log2(macs), *np.array(sorted(zip(np.log2(rival_macs), rival_top1))).T)
✗ top1 - np.interp(np.log(macs), x, y) -> np.interp(np.log(macs), x, y) - top1
  # the sign is the other way round: own accuracy minus the rivals'
✗ top1 - np -> np # that is the rivals' accuracy; subtract it from the network's own
✗ x, y = np.log(rival_macs[order]) -> x, y = rival_macs[order]; x[0] <= np.log(macs) -> x[0] <= macs;
  np.interp(np.log(macs) -> np.interp(macs
  # the lines are straight over log(MACs), not over MACs
✗ np.interp(np.log(macs), x, y) -> np.interp(macs, x, y) # take the log of the network's MACs as well
✗ rival_top1[order] -> rival_top1 # put top1 into the same order as the MACs
✗ rival_top1[order] -> np.sort(rival_top1) # each accuracy stays with its MACs: [order]
✗ <= x[-1] -> < x[-1] # with rivals on both sides, or at it, a number is due: <=
✗ not x[0] <= np.log(macs) <= x[-1] -> False # there are rivals on one side only, so None
✗ not x[0] <= np.log(macs) <= x[-1] -> np.log(macs) > x[-1] # there are rivals on one side only, so None: look below too
✓ compared at equal MACs, and silent where there is nothing to compare with.

08.3 derive: How fast activations grow
def activation_exponent(alpha, beta, gamma):
    """The exponent e with which activations grow, as s**e, when equation 3 multiplies the MACs by s.

    MACs grow as d * w**2 * r**2, activations as d * w * r**2. A step of phi multiplies d, w, r by alpha, beta, gamma.
    """
    step_of_macs = «math.log(alpha * beta**2 * gamma**2)»
    step_of_activations = «math.log(alpha * beta * gamma**2)»
    return «step_of_activations / step_of_macs»
? One step of φ multiplies the MACs by α β² γ². By what does it multiply the activations?
? If MACs grow by M and activations by A, then A = M**e. Take logs.
? e = log(α β γ²) / log(α β² γ²).
> (1.2, 1.1, 1.15), (1.0, 1.4, 1.0), (2.0, 1.0, 1.0), (1.1, 1.3, 1.05), (1.0, 1.0, 1.4)
= 1 - math.log(beta) / math.log(alpha * beta**2 * gamma**2)
✗ step_of_activations / step_of_macs -> step_of_macs / step_of_activations # turn it over: activations per MACs
✗ math.log(alpha * beta * -> (alpha * beta *; math.log(alpha * beta**2 -> (alpha * beta**2
  # the exponent is the ratio of the logs, not of the factors
✗ alpha * beta * gamma**2 -> alpha * beta**2 * gamma # width counts once in activations, resolution twice
✗ alpha * beta * gamma**2 -> alpha * beta * gamma # a map has r * r pixels: gamma counts twice
✗ alpha * beta * gamma**2 -> alpha * beta**2 * gamma**2 # width counts twice in the MACs, but once in the activations
✗ step_of_activations / step_of_macs -> step_of_activations # divide by the log of the MACs' growth
✓ 0.85 for the paper's constants, 1/2 for width alone, 1 without width.

08.4 derive: A scaling rule of your own
def dimensions(growth, width_share):
    """Depth, width and resolution multipliers that multiply the MACs by `growth`, by the power law d * w**2 * r**2.

    Width's factor of the MACs, w**2, is growth**width_share; depth's and resolution's factors share the rest equally.
    """
    rest = (1 - width_share) / 2
    d = «growth**rest»
    w = «growth**(width_share / 2)»
    r = «growth**(rest / 2)»
    return d, w, r
? Three factors, d, w**2 and r**2, whose product is growth. Write each as a power of growth.
? w**2 = growth**width_share, so w has half that exponent.
? d = growth**rest, w = growth**(width_share / 2), r = growth**(rest / 2).
> (16.0, 0.8), (2.0, 1 / 3), (64.0, 1.0), (8.0, 0.0), (10.0, 0.5)
= [growth ** ((1 - width_share) / 2), math.sqrt(growth**width_share), growth ** (0.25 - width_share / 4)]
→ depth, width, resolution
✗ growth**(width_share / 2) -> growth**width_share # width counts twice, so halve its exponent
✗ growth**(rest / 2) -> growth**rest # resolution counts twice, so halve its exponent
✗ d = growth**rest -> d = growth**(rest / 2) # depth counts once in the MACs, so its exponent is not halved
✗ (1 - width_share) / 2 -> 1 - width_share # depth and resolution share the rest: each gets half of the rest
✗ return d, w, r -> return r, w, d # the three are right, their order is not: depth, width, resolution
✗ return d, w, r -> return w, d, r # the three are right, their order is not: depth, width, resolution
✓ the product d · w² · r² is the growth, for every share.
''',
    globals(),
)
