"""Lesson 00: start here."""

import numpy as np

from exercises.cards import enter_cards


def likeliest_or_none(logits, sure):
    """By asking of each class how much likelier every class is than this one."""
    for position, logit in enumerate(logits):
        odds = sum(np.exp(np.minimum(logits - logit, 700)))  # all classes, relative to this one
        if logit == max(logits):
            return position if 1 / odds >= sure else None


enter_cards(
    '''
00.1 recall: The biggest network that fits a budget
def biggest_under(limit):
    """The name of the biggest of b0 to b7 that needs fewer than `limit` MACs; None if none does."""
    answer = None
    for name in ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"]:
        if «plan(name).macs < limit»:
            answer = «name»
    return answer
? A plan knows its cost: look at plan('b0').macs.
? The names are in order of size, so the last one that fits is the biggest.
? The condition is: plan(name).macs < limit. When it holds, remember name.
> (2 * 10**9,), (10**9,), (plan("b1").macs,), (10**12,), (10**8,)
= max((name for name in ("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7") if plan(name).macs < limit), default=None)
✗ .macs < limit -> .params < limit # all eight seem to fit: compare plan(name).macs, in single MACs, with limit
✗ < limit -> <= limit # that one needs exactly as many MACs: under the limit means fewer, so < and not <=
✗ answer = name -> return name # a bigger one fits too: go on after the first that fits
✗ < limit -> > limit # that one needs more MACs than the limit: turn the comparison over
✗ = None -> = "b0" # None when not even b0 fits
✓ right for 5 budgets; under 2 billion MACs it is b3.

00.2 build: The class activation map
def activation_map(features, kernel, class_index):
    """How much each position speaks for one class.

    features: (h, w, c), not yet averaged; kernel: (c, classes), the matrix w of the last layer. Returns (h, w).
    """
    weights = «kernel[:, class_index]»
    return «features @ weights»
? The last layer has one weight per channel and class. Which of them belong to this class?
? One column of the kernel: kernel[:, class_index], of shape (c,).
? At each position, multiply the c features by the c weights and add up: features @ weights.
> *((rng.normal(size=(h, w, c)), rng.normal(size=(c, n)), k) for h, w, c, n, k in
  ((3, 5, 6, 6, 1), (7, 7, 12, 5, 3), (1, 4, 8, 3, 0)))
= np.einsum("hwc,c->hw", features, kernel[:, class_index])
✗ kernel[:, class_index] -> kernel[class_index] # that is a row of the kernel; a class is a column
✗ features @ weights -> features.mean((0, 1)) @ weights # a map keeps its positions, so do not average
✗ features @ weights -> np.maximum(features @ weights, 0) # evidence against the class counts too; no ReLU
✗ features @ weights -> features @ kernel # those are the maps of all classes; take the column of one
✗ features @ weights -> features @ weights / (features @ weights).max() # do not rescale; the map's mean is the logit
✗ features @ weights -> (features @ weights).T # rows and columns are swapped
✗ features @ weights -> features * weights # a map has one number a place: add up over the channels
✓ on 3 inputs the mean of the map is the logit of the class, up to the bias.

00.3 decide: Say it, or ask a human?
def name_or_ask(logits, sure):
    """Decides whether to trust the likeliest class: its position, or None, which means "ask a human".

    logits: the scores, (classes,). Ask if the softmax of the likeliest class is below `sure`, a share from 0 to 1.
    """
    exponentials = np.exp(«logits - logits.max()»)
    probabilities = «exponentials / exponentials.sum()»
    best = «probabilities.argmax()»
    if «probabilities[best] < sure»:
        return None
    return best
? Softmax: the exponential of each score, divided by the sum of all exponentials.
? exp(1000) overflows. The same number added to all scores changes nothing, so subtract the largest score first.
? best is a position: probabilities.argmax(). Ask when probabilities[best] < sure.
> (np.array([0.3, 2.5, -1, 3.1]), 0.5), (np.array([0.3, 2.5, -1, 3.1]), 0.7), (np.array([7.0, 1, 2]), 0.9),
  (np.array([1000.0, 1004, 999]), 0.9), (np.array([-1000.0, -1001, -1004]), 0.9), (np.array([5.0, 5]), 0.5),
  (np.array([0.0, 0, 0, 2000, 2005]), 0.9), (np.array([0.1, 0.4, 0.2]), 0.42), (np.array([-3.0, -9]), 0.6)
= likeliest_or_none(logits, sure)
✗ logits - logits.max() -> logits # exp of a large score overflows, of a small one it is 0; subtract the largest score
✗ logits.max() -> logits.mean() # that still overflows where scores lie far apart; subtract the largest, not the mean
✗ exponentials / exponentials.sum() -> exponentials # divide by the sum of the exponentials
✗ < sure -> <= sure # exactly `sure` is sure enough: ask only below it
✗ < sure -> > sure # turned over: ask when the probability is too small
✗ probabilities[best] < sure -> logits[best] < sure # those are the scores; softmax comes first
✗ probabilities.argmax() -> probabilities.argmin() # that is the least likely class
✗ probabilities.argmax() -> probabilities.max() ; [best] < sure -> .max() < sure
  # best is a position, not a probability: use argmax
✓ right for 9 photos: with scores of 1000, and where the share is exactly the limit.
''',
    globals(),
)
