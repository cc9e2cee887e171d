r"""EfficientNet (Tan & Le 2019, arXiv:1905.11946): Table 1 -> plan -> costs -> Keras model.

    python src/architecture.py         the family, B0 to B7
    python src/architecture.py b3      one network, stage by stage

The shape arithmetic exists once, in `plan`: it works out every layer on paper. The Keras model is built from the
plan, and parameters and multiply-adds (MACs, the paper's "FLOPS") are counted from the plan, so they cannot disagree.
Layers carry the names of `keras.applications`. Of libraries only `keras` is imported: TensorFlow, JAX and torch run it.
"""

import math
import sys
from dataclasses import dataclass
from itertools import groupby
from numbers import Integral

from start import native_log_off

with native_log_off():
    import keras
    from keras import layers

from arguments import FACTOR, GROWTH, RATE, RATIO, WHOLE, is_number, require, require_fields, require_kind
from command import fails_in_one_line

# ---------------------------------------------------------------- Table 1


@dataclass(frozen=True)
class Stage:
    """One MBConv row of Table 1: `repeats` blocks, of which the first has the stride and changes the width."""

    expand: int
    kernel: int
    stride: int
    filters: int
    repeats: int

    def __post_init__(self):
        require_fields(self, vars(self), WHOLE)


STAGES = (
    Stage(expand=1, kernel=3, stride=1, filters=16, repeats=1),
    Stage(expand=6, kernel=3, stride=2, filters=24, repeats=2),
    Stage(expand=6, kernel=5, stride=2, filters=40, repeats=2),
    Stage(expand=6, kernel=3, stride=2, filters=80, repeats=3),
    Stage(expand=6, kernel=5, stride=1, filters=112, repeats=3),
    Stage(expand=6, kernel=5, stride=2, filters=192, repeats=4),
    Stage(expand=6, kernel=3, stride=1, filters=320, repeats=1),
)


NO_ACTIVATIONS = "get", "serialize", "deserialize", "glu"  # of keras.activations; glu halves its channels


@dataclass(frozen=True)
class Baseline:
    """What gets scaled: Table 1 in full. `mean` and `std` are in pixel units, one per input channel."""

    stages: tuple = STAGES
    stem_filters: int = 32
    stem_stride: int = 2
    top_filters: int = 1280
    se_ratio: float = 0.25  # of the block's input channels, not of the expanded ones (tensorflow/tpu#616)
    activation: str = "silu"
    fixed_ends: bool = False  # Lite: stem, top and the repeats of the first and last stage do not scale
    divisor: int = 8  # widths are multiples of it
    stochastic_depth: float = 0.2  # of the last block, as in the code; the paper's v1 printed 0.3 (tensorflow/tpu#381)
    mean: tuple = (0.485 * 255, 0.456 * 255, 0.406 * 255)  # ImageNet's
    std: tuple = (0.229 * 255, 0.224 * 255, 0.225 * 255)

    def __post_init__(self):
        fits = isinstance(self.stages, tuple) and self.stages and all(isinstance(row, Stage) for row in self.stages)
        require(fits, "stages", self.stages, "a tuple of one Stage or more")
        require_fields(self, ("stem_filters", "stem_stride", "top_filters", "divisor"), WHOLE)
        require_fields(self, ("se_ratio",), RATIO)
        require_fields(self, ("stochastic_depth",), RATE)
        known = isinstance(self.activation, str) and hasattr(keras.activations, self.activation)
        known = known and self.activation not in NO_ACTIVATIONS
        require(known, "activation", self.activation, "the name of a function in keras.activations, as silu or relu6")
        require(isinstance(self.fixed_ends, bool), "fixed_ends", self.fixed_ends, "True or False")
        tuples = isinstance(self.mean, tuple) and isinstance(self.std, tuple)
        fits = tuples and len(self.mean) == len(self.std) > 0 and all(map(is_number, self.mean + self.std))
        allowed = "two tuples: a mean and a std above 0 for each channel"
        require(fits and min(self.std) > 0, "(mean, std)", (self.mean, self.std), allowed)
        for name in ("mean", "std"):  # of NumPy, whole numbers of 8 bits would overflow
            object.__setattr__(self, name, tuple(map(float, getattr(self, name))))


B0 = Baseline()
LITE = Baseline(se_ratio=0, activation="relu6", fixed_ends=True, mean=(127,) * 3, std=(128,) * 3)  # (x - 127) / 128


@dataclass(frozen=True)
class Scale:
    """What compound scaling changes: multipliers of width and depth, image resolution in pixels, top dropout."""

    width: float
    depth: float
    resolution: int
    dropout: float = 0.2
    baseline: Baseline = B0

    def __post_init__(self):
        require_fields(self, ("width", "depth"), FACTOR)
        require_fields(self, ("resolution",), WHOLE)
        require_fields(self, ("dropout",), RATE)
        require(isinstance(self.baseline, Baseline), "baseline", self.baseline, "a Baseline")


VARIANTS = {  # as released (tensorflow/tpu efficientnet_builder.py); not on the curve of equation 3, see lesson 04
    "b0": Scale(1.0, 1.0, 224, 0.2),
    "b1": Scale(1.0, 1.1, 240, 0.2),
    "b2": Scale(1.1, 1.2, 260, 0.3),
    "b3": Scale(1.2, 1.4, 300, 0.3),
    "b4": Scale(1.4, 1.8, 380, 0.4),
    "b5": Scale(1.6, 2.2, 456, 0.4),
    "b6": Scale(1.8, 2.6, 528, 0.5),
    "b7": Scale(2.0, 3.1, 600, 0.5),
    "b8": Scale(2.2, 3.6, 672, 0.5),
    "l2": Scale(4.3, 5.3, 800, 0.5),
    "lite0": Scale(1.0, 1.0, 224, 0.2, LITE),
    "lite1": Scale(1.0, 1.1, 240, 0.2, LITE),
    "lite2": Scale(1.1, 1.2, 260, 0.3, LITE),
}


def find_scale(variant):
    """The Scale of a variant's name; a Scale is returned as it is. Raises ValueError for anything else."""
    if isinstance(variant, Scale):
        return variant
    require(isinstance(variant, str) and variant in VARIANTS, "variant", variant, f"{', '.join(VARIANTS)}, or a Scale")
    return VARIANTS[variant]


def compound_scale(phi, alpha=1.2, beta=1.1, gamma=1.15):
    r"""Equation 3: depth $\alpha^\phi$, width $\beta^\phi$, resolution $\gamma^\phi$ times B0's, 224 pixels.

    Raises ValueError, in one line, as all functions of this file do.
    """
    require(is_number(phi) and abs(phi) <= 100, "phi", phi, "a number from -100 to 100")
    require_kind(GROWTH, alpha=alpha, beta=beta, gamma=gamma)
    alpha, beta, gamma = map(float, (alpha, beta, gamma))  # 8-bit numbers would overflow
    return Scale(width=beta**phi, depth=alpha**phi, resolution=round(224 * gamma**phi))


def round_filters(filters, width, divisor=8):
    """Scaled number of channels: the nearest multiple of `divisor`, at least one, never 10 % below the exact value."""
    require_kind(FACTOR, filters=filters, width=width)
    require_kind(WHOLE, divisor=divisor)
    exact = filters * width
    rounded = max(divisor, int(exact + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * exact else rounded


def round_repeats(repeats, depth):
    """Scaled number of blocks, rounded up."""
    require_kind(FACTOR, repeats=repeats, depth=depth)
    return math.ceil(repeats * depth)


# ---------------------------------------------------------------- the plan


@dataclass(slots=True)  # not frozen: that takes four times as long, and the plans of B0 to B7 have 1,300 of them
class Conv:
    """A convolution on paper, with what follows it. `size` is its input's height and width; "same" padding throughout.

    A convolution has either a bias or a batch normalization behind it (4 numbers per channel), never both, and then
    its activation, which is None where the layer is linear. A dense layer is a 1x1 convolution of a 1x1 image.
    """

    name: str
    inputs: int
    filters: int
    size: int
    kernel: int = 1
    stride: int = 1
    depthwise: bool = False
    bias: bool = False
    activation: str | None = None

    output_size = property(lambda self: math.ceil(self.size / self.stride))
    weights = property(lambda self: self.kernel**2 * self.filters * (1 if self.depthwise else self.inputs))
    params = property(lambda self: self.weights + self.filters * (1 if self.bias else 4))
    macs = property(lambda self: self.weights * self.output_size**2)
    activations = property(lambda self: self.filters * self.output_size**2)


class Costs:
    """What a part of the plan costs: the sums over its `convs`."""

    params = property(lambda self: sum(conv.params for conv in self.convs))
    macs = property(lambda self: sum(conv.macs for conv in self.convs))
    activations = property(lambda self: sum(conv.activations for conv in self.convs))


@dataclass(slots=True)
class Block(Costs):
    """An MBConv block on paper; a part that the block does not have is None."""

    name: str
    stage: int  # the row of Table 1, whose first row is the stem
    expand: Conv | None
    depthwise: Conv
    se_reduce: Conv | None
    se_expand: Conv | None
    project: Conv
    skip: bool
    drop_rate: float

    @property
    def convs(self):
        """The convolutions that the block has, in order."""
        parts = self.expand, self.depthwise, self.se_reduce, self.se_expand, self.project
        return tuple(conv for conv in parts if conv)


@dataclass(frozen=True)
class Plan(Costs):
    """A whole network on paper. `predictions` is None without a top."""

    scale: Scale
    stem: Conv
    blocks: tuple
    top: Conv
    predictions: Conv | None

    @property
    def convs(self):
        """All convolutions, from the stem to the classifier."""
        inside = [conv for block in self.blocks for conv in block.convs]
        parts = self.stem, *inside, self.top, self.predictions
        return tuple(conv for conv in parts if conv)

    @property
    def stages(self):
        """The blocks of each MBConv row of Table 1, a tuple of tuples."""
        return tuple(tuple(blocks) for _, blocks in groupby(self.blocks, key=lambda block: block.stage))


MOST_BLOCKS = 10_000


def plan(variant="b0", classes=1000, include_top=True):
    """Works out every layer of a network. `variant` is a name in VARIANTS or any Scale. Returns a Plan."""
    scale = find_scale(variant)
    allowed = "a whole number above 1; for yes or no take 2, or include_top=False and a sigmoid of your own"
    require(is_number(classes, Integral) and classes > 1, "classes", classes, allowed)
    base, act = scale.baseline, scale.baseline.activation
    end_width = 1.0 if base.fixed_ends else scale.width
    repeats = [round_repeats(stage.repeats, scale.depth) for stage in base.stages]
    if base.fixed_ends:
        repeats[0], repeats[-1] = base.stages[0].repeats, base.stages[-1].repeats
    require(sum(repeats) <= MOST_BLOCKS, "the number of blocks", sum(repeats), f"at most {MOST_BLOCKS:,}")

    stem_filters = round_filters(base.stem_filters, end_width, base.divisor)
    stem = Conv("stem_conv", len(base.mean), stem_filters, scale.resolution, 3, base.stem_stride, activation=act)
    blocks, before = [], stem
    for row, (stage, count) in enumerate(zip(base.stages, repeats), start=2):
        filters = round_filters(stage.filters, scale.width, base.divisor)
        for number in range(count):
            drop_rate = base.stochastic_depth * len(blocks) / sum(repeats)
            blocks.append(_plan_block(row, number, before, stage, filters, base, drop_rate))
            before = blocks[-1].project

    top_filters = round_filters(base.top_filters, end_width, base.divisor)
    top = Conv("top_conv", before.filters, top_filters, before.output_size, activation=act)
    predictions = Conv("predictions", top_filters, int(classes), 1, bias=True, activation="softmax")
    return Plan(scale, stem, tuple(blocks), top, predictions if include_top else None)


def _plan_block(row, number, before, stage, filters, base, drop_rate):
    """Block `number`, from 0, of a row of Table 1, behind the convolution `before`. `filters`: the row's, scaled."""
    act = base.activation
    name = f"block{row - 1}{chr(ord('a') + number) if number < 26 else number + 1}_"
    inputs, size, wide = before.filters, before.output_size, before.filters * stage.expand
    stride = 1 if number else stage.stride  # the first block of a row changes the resolution
    expand = se_reduce = se_expand = None
    if stage.expand > 1:
        expand = Conv(f"{name}expand_conv", inputs, wide, size, activation=act)
    depthwise = Conv(f"{name}dwconv", wide, wide, size, stage.kernel, stride, depthwise=True, activation=act)
    if base.se_ratio:
        squeezed = max(1, int(inputs * base.se_ratio))
        se_reduce = Conv(f"{name}se_reduce", wide, squeezed, 1, bias=True, activation=act)
        se_expand = Conv(f"{name}se_expand", squeezed, wide, 1, bias=True, activation="sigmoid")
    project = Conv(f"{name}project_conv", wide, filters, depthwise.output_size)  # linear: the bottleneck
    skip = stride == 1 and inputs == filters
    return Block(name, row, expand, depthwise, se_reduce, se_expand, project, skip, drop_rate)


# ---------------------------------------------------------------- the Keras model

# As dicts, because Keras then makes a new initializer for each layer: a shared one would give two layers of the same
# shape identical weights. The scales are those of the release.
CONV_INIT = dict(class_name="VarianceScaling", config=dict(scale=2.0, mode="fan_out", distribution="truncated_normal"))
DENSE_INIT = dict(class_name="VarianceScaling", config=dict(scale=1 / 3, mode="fan_out", distribution="uniform"))


def EfficientNet(variant="b0", classes=1000, include_top=True):
    """Builds the Keras model of a plan, with random weights; pretrained ones come from `weights.pretrained`.

    Input: (batch, resolution, resolution, channels), pixels 0 to 255; the model normalizes them itself.
    Output: (batch, classes) probabilities in float32, or the feature map of `top_activation` without a top.
    Raises ValueError, in one line, for an argument that cannot be used. Source: arXiv:1905.11946, Table 1.
    """
    network = plan(variant, classes, include_top)
    order = keras.config.image_data_format()
    require(order == "channels_last", "keras.config.image_data_format()", order, "channels_last, as in the plan")
    base, size = network.scale.baseline, network.scale.resolution
    # Keras walks the graph recursively: a network as deep as L2 comes near Python's default limit of 1,000 calls
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 1000 + 20 * len(network.blocks)))

    image = layers.Input((size, size, len(base.mean)), name="image")
    offset = [-mean / std for mean, std in zip(base.mean, base.std)]
    x = layers.Rescaling([1 / std for std in base.std], offset, name="rescaling")(image)
    x = convolve(x, network.stem)
    for block in network.blocks:
        x = mbconv(x, block)
    x = convolve(x, network.top)
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(network.scale.dropout, name="top_dropout")(x)
        # float32 also under mixed precision, where a float16 softmax loses the small probabilities
        options = dict(activation="softmax", kernel_initializer=DENSE_INIT, dtype="float32", name="predictions")
        x = layers.Dense(network.predictions.filters, **options)(x)
    return keras.Model(image, x, name=f"efficientnet_{variant}" if isinstance(variant, str) else "efficientnet")


def mbconv(x, block):
    """The mobile inverted bottleneck: widen, filter each channel in space, weigh the channels, narrow, add.

    x: (batch, height, width, channels that enter the Block). Returns (batch, height / stride, width / stride, filters).
    """
    inputs = x
    if block.expand:
        x = convolve(x, block.expand)
    x = convolve(x, block.depthwise)
    if block.se_reduce:
        x = squeeze_excite(x, block)
    x = convolve(x, block.project)  # linear: its Conv has no activation
    if block.skip:
        if block.drop_rate:  # stochastic depth: the noise shape drops the whole branch, image by image
            x = layers.Dropout(block.drop_rate, noise_shape=(None, 1, 1, 1), name=f"{block.name}drop")(x)
        x = layers.Add(name=f"{block.name}add")([x, inputs])
    return x


def squeeze_excite(x, block):
    """x, (batch, height, width, channels), times a gate from 0 to 1 for each channel, from the means over the image."""
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{block.name}se_squeeze")(x)
    gate = convolve(gate, block.se_reduce)
    gate = convolve(gate, block.se_expand)
    return layers.Multiply(name=f"{block.name}se_excite")([x, gate])


def convolve(x, conv):
    """The layers of one Conv: the convolution, batch normalization unless it has a bias, and its activation.

    x: (batch, size, size, inputs) of the Conv. Returns (batch, output_size, output_size, filters).
    """
    own = conv.activation if conv.bias else None  # without a norm between them, the layer does its activation itself
    options = dict(strides=conv.stride, padding="same", use_bias=conv.bias, activation=own, name=conv.name)
    if conv.depthwise:
        x = layers.DepthwiseConv2D(conv.kernel, depthwise_initializer=CONV_INIT, **options)(x)
    else:
        x = layers.Conv2D(conv.filters, conv.kernel, kernel_initializer=CONV_INIT, **options)(x)
    if conv.bias:
        return x
    name = conv.name.removesuffix("conv").removesuffix("dw")
    x = layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"{name}bn")(x)
    return layers.Activation(conv.activation, name=f"{name}activation")(x) if conv.activation else x


# ---------------------------------------------------------------- the tables on the screen


def print_family():
    """Prints B0 to B7, a line each."""
    print("model  width  depth  resolution  blocks      parameters             MACs")
    for name in (f"b{i}" for i in range(8)):
        p, s = plan(name), VARIANTS[name]
        print(f"{name:5} {s.width:6} {s.depth:6} {s.resolution:11} {len(p.blocks):7} {p.params:15,} {p.macs:16,}")


def print_stages(network):
    """Prints a plan stage by stage, as Table 1 does."""
    print("stage  operator      resolution  channels  layers      parameters             MACs")
    _print_row(1, "Conv3x3", network.stem, network.stem, [network.stem], 1)
    for row, (stage, blocks) in enumerate(zip(network.scale.baseline.stages, network.stages), start=2):
        operator = f"MBConv{stage.expand}, {stage.kernel}x{stage.kernel}"
        _print_row(row, operator, blocks[0].depthwise, blocks[0].project, blocks, len(blocks))
    operator = "Conv1x1, Dense" if network.predictions else "Conv1x1"
    ends = [conv for conv in (network.top, network.predictions) if conv]
    _print_row(row + 1, operator, network.top, network.top, ends, 1)
    print(f"total {'':45} {network.params:15,} {network.macs:16,}")


def _print_row(number, operator, first, last, parts, count):
    params, macs = sum(part.params for part in parts), sum(part.macs for part in parts)
    print(f"{number:5}  {operator:13} {first.size:10} {last.filters:9} {count:7} {params:15,} {macs:16,}")


@fails_in_one_line(ValueError)
def main(arguments):
    """Prints the family, or the network that is named. Returns the exit status."""
    require(len(arguments) < 2, "the command line", " ".join(arguments), "at most one variant")
    if not arguments:
        print_family()
    elif arguments[0] in ("-h", "--help"):
        print("usage: architecture.py [VARIANT]\n", __doc__.strip(), sep="\n")
    else:
        print_stages(plan(arguments[0].lower()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
