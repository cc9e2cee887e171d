"""A small EfficientNet for images of 14 to 32 pixels, which a laptop trains in minutes: lessons 02, 04, 06 and 07."""

from architecture import Baseline, Stage

STAGES = (
    Stage(expand=1, kernel=3, stride=1, filters=8, repeats=1),
    Stage(expand=3, kernel=3, stride=2, filters=16, repeats=2),
    Stage(expand=3, kernel=3, stride=2, filters=48, repeats=2),
)


def mini(channels=3, **changes):
    """Its Baseline, for images of 1 or 3 `channels`; `changes` are fields of Baseline that shall differ.

    No stochastic depth: a few epochs overfit little, and it favours shallow networks.
    """
    options = dict(stages=STAGES, stem_filters=24, top_filters=160, divisor=1, stochastic_depth=0.0)
    pixels = dict(mean=(127.5,) * channels, std=(64.0,) * channels)
    return Baseline(**options | pixels | changes)
