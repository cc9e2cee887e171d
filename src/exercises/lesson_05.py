"""Lesson 05: B0 to B7, accuracy against FLOPs."""

import numpy as np

from exercises.cards import enter_cards


def not_beaten(costs, accuracies):
    """By comparing rows as lists, one pair after another; less is better in all columns."""
    rows = np.column_stack([costs, -accuracies]).tolist()
    survivors = []
    for row in rows:
        rivals = [other for other in rows if other != row and all(a <= b for a, b in zip(other, row))]
        survivors.append(not rivals)
    return survivors


def takes_the_lead(table, missing, target):
    """By asking again, with one row more each time, who is first."""

    def first(rows):
        reached = [row for row in rows if row[1] >= target]
        return sorted(reached, key=lambda row: row[0])[0]

    return [first([*table, row])[0] < first(table)[0] for row in missing]


enter_cards(
    '''
05.1 recall: What did that tool count?
def operations_per_mac(reported, macs):
    """What a tool counted for a network of so many multiply-adds, to within 5 %.

    Returns 1 for multiply-adds, 2 for multiplications and additions apart, 0 if it is neither.
    """
    for operations in (1, 2):
        expected = «operations * macs»
        if «abs(reported - expected) <= 0.05 * expected»:
            return operations
    return 0
? One multiply-add is two operations for a tool that counts them apart.
? So expect operations * macs, and ask whether the reported number is near it.
? Near it in both directions: abs(reported - expected) <= 0.05 * expected.
> (0.39e9, plan("b0").macs), (0.7716e9, plan("b0").macs), (38.33e9, plan("b7").macs), (74e9, plan("b7").macs),
  (0.02e9, plan("b0").macs), (4e9, plan("b5").macs), (0.6e9, plan("b0").macs), (2e9, plan("b0").macs),
  *((ratio * plan("b0").macs, plan("b0").macs) for ratio in (1.04, 0.96, 1.06, 1.92, 2.08, 2.12))
= next((n for n in (1, 2) if 0.95 <= reported / (n * macs) <= 1.05), 0)
✗ = operations * macs -> = macs # a tool that counts the two operations apart reports about 2 * macs
✗ abs(reported - expected) -> (reported - expected)
  # far too few is neither; the difference counts in both directions, so take abs
✗ abs(reported - expected) -> (expected - reported)
  # far too many is neither; the difference counts in both directions, so take abs
✗ abs(reported - expected) <= 0.05 * expected -> reported == expected # a table rounds: allow 5 %
✗ 0.05 -> 0.6 # allow 5 % of what is expected, no more
✗ 0.05 -> 0.03 # a paper rounds: allow 5 %
✗ 0.05 * expected -> 0.05 * macs # for 2 operations, allow 5 % of what is expected, which is 2 * macs
✗ return 0 -> return round(reported / macs) # 0 unless it is within 5 % of what is expected
✗ abs(reported - expected) <= 0.05 * expected -> round(reported / macs) == operations
  # allow 5 % of what is expected, no more
✓ 0.39 G and 0.77 G are both B0; 0.02 G is a tool that missed most layers.

05.2 build: Build a frontier with several costs
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
? Compare all networks with this one at once: costs <= cost is a table of booleans, a row for each network.
? No worse in every cost: .all(axis=1). Better in at least one: .any(axis=1). Then bring in the accuracies.
? no_worse joins with &, better with |: (costs < cost).any(axis=1) | (accuracies > accuracy).
> *((rng.integers(1, 8, size=(12, kinds)) * 1.0, rng.integers(60, 70, size=12) * 1.0) for kinds in (1, 2, 3)),
  (np.array([[1.0, 1], [1, 1], [2, 1]]), np.array([70.0, 70, 70])),
  (np.array([[1.0, 1, 2], [1, 1, 1]]), np.array([70.0, 70])), (np.array([[2.0, 1, 1], [1, 1, 1]]), np.array([70.0, 70]))
= not_beaten(costs, accuracies)
✗ (costs < cost).any(axis=1) | -> # less of a cost at equal accuracy beats too
✗ | (accuracies > accuracy) -> # more accuracy at equal costs beats too
✗ (costs <= cost).all(axis=1) -> (costs[:, 0] <= cost[0]); (costs < cost).any(axis=1) -> (costs[:, 0] < cost[0])
  # all kinds of cost count, not only the first
✗ no_worse & better -> no_worse # nothing is left: each network is no worse than itself; ask for better, too
✗ (costs <= cost).all(axis=1) -> (costs <= cost).any(axis=1) # no worse in every cost: all, and not any
✗ (costs < cost).any(axis=1) -> (costs < cost).all(axis=1) # better in at least one: any, and not all
✗ any(axis=1) | -> any(axis=1) & # better in a cost or in accuracy: |, and not &
✗ not (no -> (no # that is the opposite, the networks that are beaten
✗ costs <= -> costs >= ; costs < -> costs > ; accuracies >= -> accuracies <= ; accuracies > -> accuracies <
  # that finds whom this one beats: another is better if it costs less
✗ (costs <= cost).all(axis=1) -> (costs.sum(axis=1) <= cost.sum()); (costs < cost).any(axis=1) ->
  (costs.sum(axis=1) < cost.sum()) # costs of different kinds do not add up: compare each with its own
✗ (costs <= cost) -> (costs < cost); accuracies >= -> accuracies >
  # a network with equal cost and more accuracy beats too: <= and >= first
✓ right for one, two and three kinds of cost, and twins do not beat each other.

05.3 derive: The largest batch that fits
def largest_batch(gigabytes, kept, params, number_bytes):
    """How many images fit into memory during training with Adam; 0 if none does. 1 GB is 10**9 bytes.

    kept: numbers that one image leaves for the backward pass, of number_bytes bytes each.
    params: each needs its weight, its gradient and Adam's two moments, all in float32.
    """
    fixed = «4 * 4 * params»
    per_image = «kept * number_bytes»
    return «max(0, int((gigabytes * 10**9 - fixed) // per_image))»
? Two kinds of memory: what the parameters need, once, and what each image needs.
? A float32 has 4 bytes, and each parameter needs four of them. An image needs kept * number_bytes bytes.
? max(0, int((gigabytes * 10**9 - fixed) // per_image)): whole images, and never fewer than none.
> (8, 22_000_000, 66_658_680, 4), (8, 22_000_000, 66_658_680, 2), (16, 900_000_000, 66_658_680, 4),
  (1, 900_000_000, 66_658_680, 2), (24, 150_000_000, 19_466_816, 2), (1, 2_000_000, 66_658_680, 4),
  (2, 2_500_000, 62_500_000, 4)
= max(0, divmod(gigabytes * 10**9 - params * 16, kept * number_bytes)[0])
✗ 4 * 4 * params -> 4 * params # each parameter needs four numbers, not one
✗ 4 * 4 * params -> 3 * 4 * params # weight, gradient and two moments are four numbers
✗ int((gigabytes * 10**9 - fixed) // per_image) -> round((gigabytes * 10**9 - fixed) / per_image)
  # the last image must fit in full: round down
✗ 4 * 4 * params -> 4 * number_bytes * params # the parameters stay in float32: 4 bytes
✗ 4 * 4 * params -> 0 # the parameters need memory too
✗ kept * number_bytes -> kept * 4 # an image's numbers have number_bytes bytes, not always 4
✗ kept * number_bytes -> kept # kept counts numbers; multiply by their bytes
✗ max(0, int( -> (int( # fewer than none do not exist: at least 0
✗ int((gigabytes * 10**9 - fixed) // per_image) -> (gigabytes * 10**9 - fixed) / per_image # only whole images fit
✗ gigabytes * 10**9 -> gigabytes * 2**30 # 1 GB is 10**9 bytes here
✓ half the bytes per number give about twice the images.

05.4 decide: Which row is missing?
def overturning(table, missing, target):
    """Which missing rows, each added alone, change the answer to "which is the fastest network with this top-1?".

    table, missing: lists of (milliseconds, top1). target: the top-1 to reach, as a row of table does.
    Returns a list of booleans, one for each missing row. A tie changes nothing.
    """
    fastest = «min(ms for ms, top1 in table if top1 >= target)»
    answer = []
    for ms, top1 in missing:
        answer.append(«ms < fastest and top1 >= target»)
    return answer
? Only networks that reach the target compete. Which of those in the table is the fastest?
? A missing row must do two things: reach the target, and be faster than the fastest so far.
> ([(2, 79), (3, 80), (5, 82)], [(1, 79), (2.5, 80), (2.5, 81), (4, 83), (3, 80)], 80),
  ([(1.0, 78.0), (2.0, 80.5)], [(0.5, 70.0), (1.5, 80.0), (3.0, 85.0)], 80),
  ([(0.2, 80.2), (0.3, 81.0)], [(0.25, 82.0), (0.19, 80.4), (0.1, 79.9)], 80),
  ([(4, 77), (2, 76)], [(3, 77), (1, 77), (1, 76.9), (4, 78)], 77)
= takes_the_lead(table, missing, target)
✗ (ms for ms, top1 in table if top1 >= target) -> (ms for ms, top1 in table)
  # a network that misses the target does not compete: leave it out of the table, too
✗ ms < fastest and top1 >= target -> ms < fastest # a faster network must also reach the target
✗ ms < fastest and top1 >= target -> top1 >= target # reaching the target is not enough; it must be faster, too
✗ ms < fastest and -> ms <= fastest and # a tie changes nothing: <, and not <=
✗ and top1 >= target -> and top1 > target # to reach the target is enough: >=
✗ ms < fastest and -> ms > fastest and # less time is faster
✗ fastest and top1 -> fastest or top1 # both are needed: and, not or
✗ min(ms -> max(ms # that is the slowest of those that reach the target
✓ a missing row counts only if it is accurate enough and faster than all that are.
''',
    globals(),
)
