"""Lesson 09: reading the paper again."""

from exercises.cards import enter_cards


def compared(leads, margin):
    """The oracle of 09.4: counts the leads that are large enough, on either side."""
    wins = sum(lead >= margin for lead in leads)
    losses = sum(-lead >= margin for lead in leads)
    if not leads or 0 < wins < len(leads):
        return "undecided"
    return "ours" if wins else "theirs" if losses == len(leads) else "undecided"


enter_cards(
    '''
09.1 recall: Does a count agree with a printed number?
def agrees(value, printed):
    """Whether `value`, rounded to as many decimals as the string `printed` shows, is the printed number."""
    decimals = «len(printed.partition(".")[2])»
    return «round(value, decimals) == float(printed)»
? How many digits follow the point of "0.70", of "0.7", of "37"? printed.partition(".") splits it at the point.
? round(value, decimals) is a number, and "0.70" a text: compare numbers.
> (1.79, "2.0"), (0.3858, "0.39"), (0.6868, "0.70"), (0.6868, "0.7"), (4.3938, "4.2"), (37.746, "37"), (37.4, "37"),
  (10.266, "9.9"), (10.266, "10.27"), (1.8271, "1.8"), (9.96, "10.0"), (1.25, "1.25")
= abs(value - float(printed)) <= 0.5 * 10**-len(printed.partition(".")[2])
✗ == float(printed) -> == printed # a number never equals a text: compare with float(printed)
✗ round(value, decimals) == float(printed) -> str(round(value, decimals)) == printed
  # as text, 0.7 is not 0.70, and 37.0 not 37: compare numbers
✗ len(printed.partition(".")[2]) -> 1 # the last 0 of 0.70 is a digit as well: it has two decimals, and 37 has none
✗ len(printed.partition(".")[2]) -> 2 # rounded to the one decimal of 0.7 it is 0.7
✗ len(printed.partition(".")[2]) -> len(printed) - 2 # only digits behind the point are decimals: 10.27 has two
✗ len(printed.partition(".")[2]) -> len(printed) # only digits behind the point are decimals: 10.27 has two
✗ round(value, decimals) == float(printed) -> abs(value - float(printed)) <= 10**-decimals
  # to whole numbers 37.746 is 38: round, do not cut off; allow half a unit of the last digit
✗ round(value, decimals) == float(printed) -> value - float(printed) <= 0.5 * 10**-decimals
  # the difference counts in either direction: take abs
✗ round(value, decimals) == float(printed) -> abs(value - float(printed)) <= 0.05 * value
  # a printed number allows half a unit of its last digit: 0.70 has two decimals
✗ round(value, decimals) == float(printed) -> str(value).startswith(printed)
  # rounded, not cut off, to the two decimals of 0.39 it is 0.39
✗ round(value, decimals) == float(printed) -> f"{value:.2g}" == printed
  # count the digits behind the point, not all: 10.27 has two decimals
✓ B1's 0.687 is 0.7, but not 0.70.

09.2 modify: A comparison at equal MACs
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
✗ not x[0] <= np.log(macs) <= -> not x[0] <= macs <= # x holds logs: compare np.log(macs) with it
✗ x, y = np.log(rival_macs[order]) -> x, y = rival_macs[order]; x[0] <= np.log(macs) -> x[0] <= macs
  # take the log of the rivals' MACs as well
✗ rival_macs[order] -> rival_macs; rival_top1[order] -> rival_top1; not x[0] <= np.log(macs) <= x[-1] ->
  not min(x) <= np.log(macs) <= max(x) # np.interp wants x in rising order: [order]
✗ x[0] <= np.log(macs) <= x[-1] -> x[0] < np.log(macs) < x[-1] # at a rival's MACs a number is due: <=
✗ rival_top1[order] -> rival_top1 # put top1 into the same order as the MACs
✗ rival_top1[order] -> np.sort(rival_top1) # each accuracy stays with its MACs: [order]
✗ <= x[-1] -> < x[-1] # with rivals on both sides, or at it, a number is due: <=
✗ not x[0] <= np.log(macs) <= x[-1] -> False # there are rivals on one side only, so None
✗ not x[0] <= np.log(macs) <= x[-1] -> np.log(macs) > x[-1] # there are rivals on one side only, so None: look below too
✓ compared at equal MACs, and silent where there is nothing to compare with.

09.3 build: A network by another scaling rule
def scaled(growth, width_share):
    """MACs and activations of a B0 that is scaled by another rule than equation 3.

    By the power law MACs grow as d * w**2 * r**2. They are to grow by `growth`. Width's factor of it, w**2, is
    growth**width_share; depth's and resolution's factors share the rest equally.
    """
    rest = (1 - width_share) / 2
    d = «growth**rest»
    w = «growth ** (width_share / 2)»
    r = «growth ** (rest / 2)»
    network = «plan(Scale(w, d, round(224 * r)))»
    return network.macs, network.activations
? Three factors, d, w**2 and r**2, whose product is growth. Write each as a power of growth.
? w**2 = growth**width_share, so w has half that exponent.
> (16.0, 0.8), (2.0, 1 / 3), (8.0, 1.0), (8.0, 0.0), (10.0, 0.5)
= (lambda network: (network.macs, network.activations))(plan(Scale(math.sqrt(growth**width_share),
  math.sqrt(growth / growth**width_share), round(224 * (growth / growth**width_share) ** 0.25))))
→ MACs, activations
✗ growth ** (width_share / 2) -> growth**width_share # width counts twice, so halve its exponent
✗ growth ** (rest / 2) -> growth**rest # resolution counts twice, so halve its exponent
✗ d = growth**rest -> d = growth ** (rest / 2) # depth counts once in the MACs, so its exponent is not halved
✗ (1 - width_share) / 2 -> 1 - width_share # depth and resolution share the rest: each gets half of the rest
✗ Scale(w, d, -> Scale(d, w, # Scale wants the width first, then the depth
✗ round(224 * r) -> int(224 * r) # int cuts off: round to the nearest pixel
✗ round(224 * r) -> 224 # B0's images of 224 pixels grow by r as well
✗ return network.macs, network.activations -> return network.activations, network.macs
  # both are right, their order is not: MACs, then activations
✓ five networks by five rules. For 8 times the MACs equation 3 makes 1.6 times the activations of width 0.8.

09.4 decide: Which network is better?
def better(ours, theirs, margin):
    """Decides which network is better: "ours", "theirs", or "undecided".

    Each is a dict of recipe -> top-1 in %. Only recipes that both networks had count. A network is better if it leads
    by at least `margin` points under every one of them.
    """
    leads = []
    for recipe in ours:
        if «recipe in theirs»:
            leads.append(«ours[recipe] - theirs[recipe]»)
    if leads and «min(leads) >= margin»:
        return "ours"
    if leads and «max(leads) <= -margin»:
        return "theirs"
    return "undecided"
? Which recipes can be compared? Only those that are in both dicts.
? Ours is better under every recipe if its smallest lead is large enough.
> ({"plain": 76.0, "2024": 80.0}, {"plain": 75.0, "2024": 79.5}, 0.5), ({"2019": 77.0}, {"plain": 76.0}, 0.5),
  ({"plain": 75.0, "2024": 79.0}, {"plain": 77.0, "2024": 81.0}, 0.5),
  ({"a": 75.0, "b": 81.0}, {"a": 76.0, "b": 80.0}, 0.5),
  ({"a": 76.25, "b": 80.0}, {"a": 76.0, "b": 78.0}, 0.5), ({"a": 76.0, "b": 80.0}, {"a": 76.25, "b": 82.0}, 0.5),
  ({"a": 76.0}, {"a": 76.5, "b": 70.0}, 0.5), ({"a": 75.0, "c": 85.0}, {"a": 77.0, "b": 70.0}, 0.5),
  ({"a": 75.0, "b": 85.0}, {"a": 76.0, "b": 80.0}, 0.5)
= compared([ours[recipe] - theirs[recipe] for recipe in sorted(ours.keys() & theirs.keys())], margin)
✗ ours[recipe] - theirs[recipe] -> ours[recipe] - max(theirs.values()) # compare under this recipe: theirs[recipe]
✗ ours[recipe] - theirs[recipe] -> theirs[recipe] - ours[recipe] # the sign is the other way round: ours minus theirs
✗ max(leads) <= -margin -> max(leads) <= margin # theirs leads where our lead is at most -margin
✗ min(leads) -> max(leads); max(leads) <= -margin -> min(leads) <= -margin
  # one recipe is not enough: ours needs its smallest lead, theirs our largest
✗ min(leads) -> np.mean(leads); max(leads) -> np.mean(leads) # under every recipe, not on average
✗ min(leads) >= margin -> min(leads) > margin; max(leads) <= -margin -> max(leads) < -margin
  # a lead of exactly the margin is enough: >= and <=
✗ min(leads) >= margin -> max(leads) >= margin # it must lead under every recipe: look at the smallest lead
✗ max(leads) <= -margin -> min(leads) <= -margin # it must lead under every recipe: look at the largest of our leads
✗ min(leads) >= margin -> min(leads) > margin # a lead of exactly the margin is enough: >=
✗ max(leads) <= -margin -> max(leads) < -margin # a lead of exactly the margin is enough: <=
✗ min(leads) >= margin -> min(leads) > 0; max(leads) <= -margin -> max(leads) < 0
  # a lead below the margin decides nothing
✗ ours[recipe] - theirs[recipe] -> max(ours.values()) - max(theirs.values()) # that compares the best recipe of each
✓ equal recipes decide, and where there are none, nothing does.
''',
    globals(),
)
