"""Lesson 00: start here."""

import numpy as np

from exercises.cards import enter_cards


def sorted_pairs(logits, k):
    odds = np.exp(logits - logits.max())
    pairs = sorted(zip(odds / sum(odds), range(len(odds))), reverse=True)[:k]
    return [position for _, position in pairs], [probability for probability, _ in pairs]


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
✗ .macs < limit -> .params < limit # parameters were compared: use .macs
✗ < limit -> <= limit # that one needs exactly as many MACs: under the limit means fewer, so < and not <=
✗ answer = name -> return name # a bigger one fits too: go on after the first that fits
✗ < limit -> > limit # that one needs more MACs than the limit: turn the comparison over
✗ = None -> = "b0" # None when not even b0 fits
✓ right for 5 budgets; under 2 billion MACs it is b3.

00.2 modify: The class activation map
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
✗ kernel[:, class_index] -> kernel[class_index] # that is a row; a class is a column, kernel[:, class_index]
✗ features @ weights -> features.mean((0, 1)) @ weights # a map keeps its positions, so do not average
✗ features @ weights -> np.maximum(features @ weights, 0) # evidence against the class counts too; no ReLU
✗ features @ weights -> features @ kernel # those are the maps of all classes; take the column of one
✗ features @ weights -> features @ weights / (features @ weights).max() # do not rescale; the map's mean is the logit
✗ features @ weights -> (features @ weights).T # rows and columns are swapped
✗ features @ weights -> features * weights # add up over the channels: features @ weights
✓ on 3 inputs the mean of the map is the logit of the class, up to the bias.

00.3 derive: Softmax and the best k
def top_k(logits, k):
    """The positions of the k likeliest classes, best first, and their probabilities: two arrays (k,).

    logits: (classes,).
    """
    exponentials = np.exp(«logits - logits.max()»)
    probabilities = «exponentials / exponentials.sum()»
    best = «np.argsort(-probabilities)[:k]»
    return best, «probabilities[best]»
? Softmax: the exponential of each logit, divided by the sum of all exponentials.
? exp(1000) overflows. Adding a constant to all logits changes nothing, so subtract the largest first.
? np.argsort sorts upwards: sort the negative probabilities and keep the first k.
> *((np.array([0.3, 2.5, -1, 4, 1.2, 3.1, -2, 0.9]) + shift, k) for shift, k in
  ((0, 3), (0, 1), (0, 8), (1000, 3), (-1000, 5))), (np.array([0, 0, 1000.0, 0, 0, 0, 0, 0]), 1)
= sorted_pairs(logits, k)
→ classes, probabilities
✗ logits - logits.max() -> logits # exp of a large logit overflows, of a small one it is 0; subtract the largest logit
✗ logits.max() -> logits.mean() # one logit is 1000 here, and exp overflows; subtract the largest, not the mean
✗ (-probabilities)[:k] -> (probabilities)[:k] # those are the least likely; np.argsort sorts upwards
✗ (-probabilities)[:k] -> (probabilities)[-k:] # the classes are right, their order is not; best first
✗ [:k] -> # those are all classes; keep the first k
✗ , probabilities[best] -> , probabilities[best] / probabilities[best].sum()
  # divide by the sum over all classes, not just k
✗ exponentials / exponentials.sum() -> exponentials # divide by the sum of the exponentials
✗ , probabilities[best] -> , logits[best] # those are the logits; softmax comes first
✓ probabilities sum to 1 over all classes, and logits shifted by 1000 give the same.
''',
    globals(),
)
