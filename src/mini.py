"""Two small EfficientNets for images of 14 to 32 pixels: one trains in minutes, one in an hour, on a laptop."""

from architecture import Baseline, Scale, Stage

STAGES = (
    Stage(expand=1, kernel=3, stride=1, filters=8, repeats=1),
    Stage(expand=3, kernel=3, stride=2, filters=16, repeats=2),
    Stage(expand=3, kernel=3, stride=2, filters=48, repeats=2),
)


def mini(**changes):
    """The Baseline of the network that trains in minutes; `changes` are its fields that shall differ.

    No stochastic depth: a few epochs overfit little, and it favours shallow networks.
    """
    options = dict(stages=STAGES, stem_filters=24, top_filters=160, divisor=1, stochastic_depth=0.0)
    pixels = dict(mean=(127.5,) * 3, std=(64.0,) * 3)
    return Baseline(**options | pixels | changes)


SMALL_STAGES = (
    Stage(expand=3, kernel=3, stride=2, filters=32, repeats=4),
    Stage(expand=3, kernel=3, stride=2, filters=72, repeats=5),
)
# Worth opening: lesson 02 looks into it. Its stem keeps all 32 pixels, and no block works at full size but the first,
# where most of the time and little of the accuracy would go.
SMALL = Scale(1.0, 1.0, 32, 0.0, mini(stages=SMALL_STAGES, stem_filters=16, stem_stride=1, top_filters=256, divisor=8))
