"""Lesson 06: transfer learning."""

from exercises.cards import enter_cards

enter_cards(
    '''
06.1 recall: How large is the last map?
def last_map(pixels, halvings=5):
    """Height and width of the last feature map for an image of pixels x pixels.

    Each stride of 2 halves the side of the map and rounds up ("same" padding).
    """
    for _ in range(halvings):
        pixels = «math.ceil(pixels / 2)»
    return pixels
? A stride of 2 turns 7 pixels into 4: the last window hangs over the edge.
? math.ceil(pixels / 2) rounds up, once in each turn of the loop.
> (32, 5), (96, 5), (224, 5), (33, 5), (260, 5), (100, 2), (17, 3), (50, 1), (224,)
= -(-pixels // 2**halvings)
✗ math.ceil(pixels / 2) -> pixels // 2 # that rounds down; the last window hangs over the edge, so round up
✗ math.ceil(pixels / 2) -> pixels / 2 # a map has whole pixels
✗ range(halvings) -> range(5) # use the number of halvings given, it is not always 5
✗ pixels = math.ceil(pixels / 2) -> return math.ceil(pixels / 2) # halve once for each of the halvings
✗ math.ceil(pixels / 2) -> pixels // 2 + 1 # one pixel too many where the size is even
✓ 32 pixels leave 1, 96 leave 3, 224 leave 7.

06.2 modify: A stem for any number of channels
def stem_for(kernel, channels):
    """Turns a stem kernel for 3 channels, (k, k, 3, filters), into one for `channels`: (k, k, channels, filters).

    All its channels have the same weights. Of images whose channels are all equal (grey ones), it makes
    what the old stem makes of the same picture in 3 equal channels.
    """
    total = «kernel.sum(axis=2, keepdims=True)»
    return np.repeat(«total / channels», channels, axis=2)
? With equal channels, a filter's answer depends only on the sum of its weights over the channels.
? Keep the axis of length 1: kernel.sum(axis=2, keepdims=True). Then share that sum out.
? Each of the new channels gets total / channels, so that together they give the old sum.
> *((rng.normal(size=(3, 3, 3, 5)), channels) for channels in (4, 1, 2, 3, 7))
= np.einsum("abcn,k->abkn", kernel, np.ones(channels) / channels)
✗ total / channels -> total # each of the new channels has the whole sum: share it out
✗ total / channels -> total / 3 # that is the mean; it fits 3 channels only, so share out the sum instead
✗ kernel.sum -> kernel.mean # that shares out the mean, a third of the sum
✗ , keepdims=True -> # keep the axis of the channels: keepdims=True
✓ right for 1, 2, 3, 4 and 7 channels.

06.3 modify: Accuracy that does not forget small classes
def balanced_accuracy(counts):
    """Mean over the classes of the share that was recognised, from a confusion matrix.

    counts: (classes, classes), the true class in rows, the guess in columns. A class without images does not count.
    """
    images = «counts.sum(axis=1)»
    there = «images > 0»
    return «(np.diag(counts)[there] / images[there]).mean()»
? Which images are of class 3? Those of row 3, wherever they were put.
? The right answers stand on the diagonal: np.diag(counts). Divide by the images of the class, then average.
? Leave empty rows out of the mean: there = images > 0.
> (np.array([[9, 1], [50, 50]]),), (rng.integers(1, 40, size=(4, 4)) * np.array([[1], [10], [3], [1]]),),
  (np.array([[8, 2], [5, 0]]),), (np.array([[10, 0], [5, 0]]),), (np.array([[4, 1, 3], [0, 0, 0], [2, 5, 6]]),)
= np.mean([row[i] / sum(row) for i, row in enumerate(counts.tolist()) if any(row)])
✗ (np.diag(counts)[there] / images[there]).mean() -> np.trace(counts) / counts.sum()
  # that is plain accuracy, in which large classes outvote small ones
✗ sum(axis=1) -> sum(axis=0) # columns are guesses; the images of a class are in its row
✗ images > 0 -> images >= 0 # a class without images gives 0 / 0; leave it out of the mean
✗ images > 0 -> np.diag(counts) > 0 # a class with images and no right answer counts, as 0
✗ images > 0 -> (images > 0) & (counts.sum(axis=0) > 0) # a class that was never guessed counts too: ask its row
✗ .mean() -> .sum() / len(counts) # divide by the number of classes that have images
✓ each class has one vote, however many images it has.

06.4 derive: How fast batch norm forgets
def steps_to_forget(momentum, left):
    """After how many training steps does at most the share `left` of the old moving statistics remain?

    Each step: moving = momentum * moving + (1 - momentum) * batch.
    """
    return «math.ceil(math.log(left) / math.log(momentum))»
? What is left of the old value after one step? After two?
? After n steps momentum**n is left. Which is the smallest whole n with momentum**n <= left?
? Take logarithms. Both are negative, so n >= log(left) / log(momentum), rounded up.
> (0.99, 0.5), (0.99, 0.01), (0.9, 0.5), (0.9, 0.01), (0.999, 0.1), (0.5, 0.3), (0.5, 0.25)
= next(n for n in range(10**6) if momentum**n <= left)
✗ math.log(left) / math.log(momentum) # steps are whole: round up
✗ math.floor(math.log(left) / math.log(momentum))
  # after that many steps, a little more than the share remains: round up
✗ math.floor(math.log(left) / math.log(momentum)) + 1 # exactly the share left is at most the share left: round up
✗ math.log(left) -> math.log(1 - left) # left is what remains, not what is gone
✗ math.ceil((1 - left) / (1 - momentum)) # what is left shrinks by a factor each step, not by an amount
✗ math.ceil(1 / (1 - momentum)) # that is the usual rule of thumb, it leaves about 37 %
✓ 0.99 keeps half of ImageNet's statistics for 69 steps, 0.9 for 7.
''',
    globals(),
)
