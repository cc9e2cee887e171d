"""Lesson 06: transfer learning."""

import numpy as np

from exercises.cards import enter_cards


def nearest_by_angle(features, labels, unseen):
    """By the angle to each class's mean direction, photo by photo."""
    answers = []
    for photo in unseen:
        angles = []
        for label in range(max(labels) + 1):
            mean = sum(row / np.sqrt(row @ row) for row in features[labels == label])
            angles.append(np.arccos(mean @ photo / np.sqrt((mean @ mean) * (photo @ photo))))
        answers.append(angles.index(min(angles)))
    return np.array(answers)


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

06.2 build: A classifier for five photos a class
def classify_by_means(features, labels, unseen):
    """The class of each unseen photo, (m,): the one whose mean feature points most nearly in the same direction.

    features: (n, channels) of a few photos of each class; labels: (n,), 0, 1, ...; unseen: (m, channels).
    Every photo counts alike: its features are divided by their length first, and so are the means of the classes.
    """
    directions = «features / np.linalg.norm(features, axis=1, keepdims=True)»
    means = []
    for label in range(labels.max() + 1):
        means.append(«directions[labels == label].mean(axis=0)»)
    means = means / np.linalg.norm(means, axis=1, keepdims=True)
    return «(unseen @ means.T).argmax(axis=1)»
? np.linalg.norm(features, axis=1, keepdims=True) is the length of each photo's features, (n, 1).
? directions[labels == label] are the photos of one class; their mean is that class.
? unseen @ means.T has a row for each photo and a column for each class. The largest number of a row wins.
> *((rng.uniform(0, 1, (15, 4)) ** 3 * rng.uniform(0.1, 9, (15, 1)), np.arange(15) % 3, rng.uniform(0, 1, (40, 4)) ** 3)
  for _ in range(3)),
  (np.array([[9.0, 0], [0, 1], [1, 1], [4, 5]]), np.array([0, 0, 1, 1]), np.array([[3.0, 1], [1, 3], [1, 1], [2, 0]]))
= nearest_by_angle(features, labels, unseen)
✗ features / np.linalg.norm(features, axis=1, keepdims=True) -> features
  # long feature vectors outvote short ones; divide each photo's by its length
✗ features / np.linalg.norm(features, axis=1, keepdims=True) -> features / np.linalg.norm(features, axis=0)
  # that is the length of each channel; a photo's length is taken along axis 1
✗ .argmax(axis=1) -> .argmin(axis=1) # the nearest class has the largest product, so argmax
✗ .argmax(axis=1) -> .argmax(axis=0) # that names a photo for each class; each photo needs its class, axis 1
✗ .mean(axis=0) -> .max(axis=0) # that takes the strongest photo in each channel; take the mean
✓ no training. On CIFAR-10, five photos of each class are enough to name seven of ten others.

06.3 modify: A stem for any number of channels
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

06.5 decide: What may have broken this training?
def suspects(largest_pixel, last_map, norms_trained, train, validation):
    """What may have broken a training, in this order: "pixels", "batch norm", "image size", "overfitting".

    largest_pixel: of a batch of photos; last_map: its side in pixels; norms_trained: whether batch norm
    was left trainable; train, validation: top-1 in %. Call it overfitting from a gap of 20 points on.
    Returns a text such as "pixels and image size"; an empty one if nothing is suspicious.
    """
    found = []
    if «largest_pixel <= 1»:
        found.append("pixels")
    if «norms_trained»:
        found.append("batch norm")
    if «last_map == 1»:
        found.append("image size")
    if «train - validation >= 20»:
        found.append("overfitting")
    return " and ".join(found)
? The network scales pixels from 0 to 255 itself. Which largest pixel says that somebody has divided before?
? A map of one pixel leaves a kernel no neighbours to look at. Batch norm was left trainable, or it was not.
? Overfitting is right on the training photos and wrong on others: train - validation >= 20.
> (1.0, 7, False, 10.1, 10.0), (255, 7, True, 64.0, 31.0), (255, 1, False, 61.2, 45.1), (255, 7, False, 99.8, 71.0),
  (255, 7, False, 93.0, 88.5), (0.98, 1, True, 10.0, 10.0), (255, 1, True, 17.7, 17.7), (254, 3, False, 95.0, 75.0),
  (255, 1, False, 99.0, 40.0), (255, 2, False, 60.0, 85.0), (255, 7, False, 97.0, 92.0)
= " and ".join(name for test, name in [(largest_pixel < 2, "pixels"), (bool(norms_trained), "batch norm"),
  (last_map < 2, "image size"), (validation <= train - 20, "overfitting")] if test)
✗ largest_pixel <= 1 -> largest_pixel == 1 # a photo without white has no pixel of exactly 1: at most 1
✗ largest_pixel <= 1 -> largest_pixel > 1 # 0 to 255 is what the network wants; 0 to 1 is the mistake
✗ if norms_trained: -> if not norms_trained: # frozen batch norm is the safe choice; trained is the suspect
✗ last_map == 1 -> last_map < 4 # two or three pixels are small, and leave neighbours: only 1 leaves none
✗ train - validation >= 20 -> validation - train >= 20 # overfitting is better on training photos: train - validation
✗ train - validation >= 20 -> train - validation > 20 # from 20 points on, so >=
✗ train - validation >= 20 -> train >= 95 # that alone is no fault: compare it with the validation
✓ look at the pixels first: that costs one line.
''',
    globals(),
)
