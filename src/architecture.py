r"""EfficientNet (Tan & Le 2019, arXiv:1905.11946): Table 1 -> plan -> costs -> Keras model.

    python src/architecture.py         the family, B0 to B7
    python src/architecture.py b3      one network, stage by stage

The shape arithmetic exists once, in `plan`: it works out every layer on paper. The Keras model is built from the
plan, and parameters and multiply-adds (MACs, the paper's "FLOPS") are counted from the plan, so they cannot disagree.
Layers carry the names of `keras.applications`. Only `keras` is imported: TensorFlow, JAX and torch run this file.
"""

import math
import os
import sys
from dataclasses import dataclass
from numbers import Integral, Real

import keras
from keras import layers

CONV_INIT = dict(class_name="VarianceScaling", config=dict(scale=2.0, mode="fan_out", distribution="truncated_normal"))
DENSE_INIT = dict(class_name="VarianceScaling", config=dict(scale=1 / 3, mode="fan_out", distribution="uniform"))


def require(condition, name, value, allowed):
    """Raises ValueError, in one line, unless `condition` holds: what was wrong, and what is allowed."""
    if not condition:
        raise ValueError(f"{name} is {value!r}; allowed: {allowed}.")


def _is(kind, value):
    return isinstance(value, kind) and not isinstance(value, bool)


# ---------------------------------------------------------------- Table 1


@dataclass(frozen=True)
class Stage:
    """One MBConv row of Table 1: `repeats` blocks, of which the first has the stride and changes the width."""

    expand: int
    kernel: int
    stride: int
    filters: int
    repeats: int


STAGES = (
    Stage(expand=1, kernel=3, stride=1, filters=16, repeats=1),
    Stage(expand=6, kernel=3, stride=2, filters=24, repeats=2),
    Stage(expand=6, kernel=5, stride=2, filters=40, repeats=2),
    Stage(expand=6, kernel=3, stride=2, filters=80, repeats=3),
    Stage(expand=6, kernel=5, stride=1, filters=112, repeats=3),
    Stage(expand=6, kernel=5, stride=2, filters=192, repeats=4),
    Stage(expand=6, kernel=3, stride=1, filters=320, repeats=1),
)


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
    mean: tuple = (0.485 * 255, 0.456 * 255, 0.406 * 255)
    std: tuple = (0.229 * 255, 0.224 * 255, 0.225 * 255)


B0 = Baseline()
LITE = Baseline(se_ratio=0, activation="relu6", fixed_ends=True, mean=(127,) * 3, std=(128,) * 3)


@dataclass(frozen=True)
class Scale:
    """What compound scaling changes: multipliers of width and depth, image resolution in pixels, top dropout."""

    width: float
    depth: float
    resolution: int
    dropout: float = 0.2
    baseline: Baseline = B0

    def __post_init__(self):
        for name, value in (("width", self.width), ("depth", self.depth)):
            require(_is(Real, value) and 0 < value < math.inf, name, value, "a number above 0")
        size, dropout = self.resolution, self.dropout
        require(_is(Integral, size) and size > 0, "resolution", size, "a whole number of pixels above 0")
        require(_is(Real, dropout) and 0 <= dropout < 1, "dropout", dropout, "a number from 0 up to, not including, 1")
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
    "lite3": Scale(1.2, 1.4, 280, 0.3, LITE),
    "lite4": Scale(1.4, 1.8, 300, 0.3, LITE),
}


def compound_scale(phi, alpha=1.2, beta=1.1, gamma=1.15, resolution=224):
    r"""Equation 3: depth $\alpha^\phi$, width $\beta^\phi$, resolution $\gamma^\phi$ times the baseline's."""
    return Scale(width=beta**phi, depth=alpha**phi, resolution=round(resolution * gamma**phi))


def round_filters(filters, width, divisor=8):
    """Scaled number of channels: the nearest multiple of `divisor`, at least one, never 10 % below the exact value."""
    exact = filters * width
    rounded = max(divisor, int(exact + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * exact else rounded


def round_repeats(repeats, depth):
    """Scaled number of blocks, rounded up."""
    return math.ceil(repeats * depth)


# ---------------------------------------------------------------- the plan


@dataclass(frozen=True)
class Conv:
    """A convolution on paper. `size` is its input's height and width, in pixels; "same" padding throughout.

    A convolution has either a bias or a batch normalization behind it (4 numbers per channel), never both.
    A dense layer is a 1x1 convolution of a 1x1 image.
    """

    name: str
    inputs: int
    filters: int
    size: int
    kernel: int = 1
    stride: int = 1
    depthwise: bool = False
    bias: bool = False

    @property
    def output_size(self):
        return math.ceil(self.size / self.stride)

    @property
    def weights(self):
        return self.kernel**2 * self.filters * (1 if self.depthwise else self.inputs)

    @property
    def params(self):
        return self.weights + self.filters * (1 if self.bias else 4)

    @property
    def macs(self):
        return self.weights * self.output_size**2

    @property
    def activations(self):
        return self.filters * self.output_size**2


@dataclass(frozen=True)
class Block:
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
        parts = (self.expand, self.depthwise, self.se_reduce, self.se_expand, self.project)
        return tuple(conv for conv in parts if conv)


@dataclass(frozen=True)
class Plan:
    """A whole network on paper. `predictions` is None without a top."""

    scale: Scale
    stem: Conv
    blocks: tuple
    top: Conv
    predictions: Conv | None

    @property
    def convs(self):
        inside = (conv for block in self.blocks for conv in block.convs)
        return (self.stem, *inside, self.top) + ((self.predictions,) if self.predictions else ())

    @property
    def params(self):
        return sum(conv.params for conv in self.convs)

    @property
    def macs(self):
        return sum(conv.macs for conv in self.convs)

    @property
    def activations(self):
        return sum(conv.activations for conv in self.convs)


def plan(variant="b0", classes=1000, include_top=True):
    """Works out every layer of a network. `variant` is a name in VARIANTS or any Scale. Returns a Plan."""
    scale = find_scale(variant)
    require(_is(Integral, classes) and classes > 0, "classes", classes, "a whole number above 0")
    classes, base, width, depth = int(classes), scale.baseline, scale.width, scale.depth
    ends = 1.0 if base.fixed_ends else width

    channels, size = round_filters(base.stem_filters, ends, base.divisor), scale.resolution
    stem = Conv("stem_conv", len(base.mean), channels, size, kernel=3, stride=base.stem_stride)
    repeats = [round_repeats(stage.repeats, depth) for stage in base.stages]
    if base.fixed_ends:
        repeats[0], repeats[-1] = base.stages[0].repeats, base.stages[-1].repeats

    blocks, size = [], stem.output_size
    for row, (stage, count) in enumerate(zip(base.stages, repeats), start=1):
        filters = round_filters(stage.filters, width, base.divisor)
        for j in range(count):
            name = f"block{row}{chr(ord('a') + j) if j < 26 else j + 1}_"
            stride = stage.stride if j == 0 else 1
            drop_rate = base.stochastic_depth * len(blocks) / sum(repeats)
            blocks.append(_plan_block(name, row + 1, stage, stride, channels, filters, size, base.se_ratio, drop_rate))
            channels, size = filters, blocks[-1].depthwise.output_size

    top = Conv("top_conv", channels, round_filters(base.top_filters, ends, base.divisor), size)
    predictions = Conv("predictions", top.filters, classes, 1, bias=True) if include_top else None
    return Plan(scale, stem, tuple(blocks), top, predictions)


def _plan_block(name, row, stage, stride, inputs, filters, size, se_ratio, drop_rate):
    wide = inputs * stage.expand
    depthwise = Conv(f"{name}dwconv", wide, wide, size, stage.kernel, stride, depthwise=True)
    squeezed = max(1, int(inputs * se_ratio)) if se_ratio else None
    return Block(
        name=name,
        stage=row,
        expand=Conv(f"{name}expand_conv", inputs, wide, size) if stage.expand > 1 else None,
        depthwise=depthwise,
        se_reduce=Conv(f"{name}se_reduce", wide, squeezed, 1, bias=True) if squeezed else None,
        se_expand=Conv(f"{name}se_expand", squeezed, wide, 1, bias=True) if squeezed else None,
        project=Conv(f"{name}project_conv", wide, filters, depthwise.output_size),
        skip=stride == 1 and inputs == filters,
        drop_rate=drop_rate,
    )


# ---------------------------------------------------------------- the Keras model


def EfficientNet(variant="b0", classes=1000, include_top=True, weights=None):
    """Builds the Keras model of a plan.

    Input: (batch, resolution, resolution, channels), pixels 0 to 255; the model normalizes them itself.
    Output: (batch, classes) probabilities in float32, or the feature map of `top_activation` without a top.
    `weights` is the path of a file that `model.save_weights` wrote; pretrained ones come from `weights.pretrained`.
    Raises ValueError, in one line, for an argument that cannot be used. Source: arXiv:1905.11946, Table 1.
    """
    network = plan(variant, classes, include_top)
    order = keras.config.image_data_format()
    require(order == "channels_last", "keras.config.image_data_format()", order, "channels_last, as in the plan")
    base, size = network.scale.baseline, network.scale.resolution
    act = base.activation
    # Keras walks the graph recursively: a network as deep as L2 comes near Python's default limit of 1,000 calls
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 1000 + 20 * len(network.blocks)))

    image = layers.Input((size, size, len(base.mean)), name="image")
    offset = [-mean / std for mean, std in zip(base.mean, base.std)]
    x = layers.Rescaling([1 / std for std in base.std], offset, name="rescaling")(image)
    x = conv_bn(x, network.stem, act)
    for block in network.blocks:
        x = mbconv(x, block, act)
    x = conv_bn(x, network.top, act)
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(network.scale.dropout, name="top_dropout")(x)
        # float32 also under mixed precision, where a float16 softmax loses the small probabilities
        x = layers.Dense(
            network.predictions.filters,
            activation="softmax",
            kernel_initializer=DENSE_INIT,
            dtype="float32",
            name="predictions",
        )(x)
    model = keras.Model(image, x, name=f"efficientnet_{variant}" if isinstance(variant, str) else "efficientnet")
    if weights is not None:
        _load(model, weights)
    return model


def mbconv(x, block, activation="silu"):
    """The mobile inverted bottleneck: widen, filter each channel in space, weigh the channels, narrow, add."""
    inputs = x
    if block.expand:
        x = conv_bn(x, block.expand, activation)
    x = conv_bn(x, block.depthwise, activation)
    if block.se_reduce:
        x = squeeze_excite(x, block, activation)
    x = conv_bn(x, block.project, None)  # linear: a nonlinearity in so few channels would lose information
    if block.skip:
        if block.drop_rate:  # stochastic depth: the noise shape drops the whole branch, image by image
            x = layers.Dropout(block.drop_rate, noise_shape=(None, 1, 1, 1), name=f"{block.name}drop")(x)
        x = layers.Add(name=f"{block.name}add")([x, inputs])
    return x


def squeeze_excite(x, block, activation="silu"):
    """A gate between 0 and 1 for each channel, computed from the channel means of the whole image."""
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{block.name}se_squeeze")(x)
    gate = _conv(block.se_reduce, activation)(gate)
    gate = _conv(block.se_expand, "sigmoid")(gate)
    return layers.Multiply(name=f"{block.name}se_excite")([x, gate])


def conv_bn(x, conv, activation):
    """Convolution, batch normalization and, unless `activation` is None, the nonlinearity."""
    name = conv.name.removesuffix("conv").removesuffix("dw")
    x = _conv(conv)(x)
    x = layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"{name}bn")(x)
    return layers.Activation(activation, name=f"{name}activation")(x) if activation else x


def _conv(conv, activation=None):
    options = dict(strides=conv.stride, padding="same", use_bias=conv.bias, activation=activation, name=conv.name)
    if conv.depthwise:
        return layers.DepthwiseConv2D(conv.kernel, depthwise_initializer=CONV_INIT, **options)
    return layers.Conv2D(conv.filters, conv.kernel, kernel_initializer=CONV_INIT, **options)


# ---------------------------------------------------------------- arguments, and the table on the screen


def find_scale(variant):
    """The Scale of a variant's name; a Scale is returned as it is. Raises ValueError for anything else."""
    if isinstance(variant, Scale):
        return variant
    require(isinstance(variant, str) and variant in VARIANTS, "variant", variant, f"{', '.join(VARIANTS)}, or a Scale")
    return VARIANTS[variant]


def _load(model, path):
    allowed = "the path of a .weights.h5 file of this very network (for ImageNet weights call weights.pretrained)"
    require(isinstance(path, (str, os.PathLike)) and os.path.isfile(path), "weights", path, allowed)
    try:
        model.load_weights(path)
    except Exception as error:  # h5py, Keras and the backends each raise their own kind
        raise ValueError(f"weights {str(path)!r} do not fit {model.name}; allowed: {allowed}.") from error


def _print_family():
    print("model  width  depth  resolution  blocks      parameters             MACs")
    for name in (f"b{i}" for i in range(8)):
        p, s = plan(name), VARIANTS[name]
        print(f"{name:5} {s.width:6} {s.depth:6} {s.resolution:11} {len(p.blocks):7} {p.params:15,} {p.macs:16,}")


def _print_stages(variant):
    network = plan(variant)
    print("stage  operator      resolution  channels  layers      parameters             MACs")

    def row(stage, operator, size, filters, count, convs):
        params, macs = sum(c.params for c in convs), sum(c.macs for c in convs)
        print(f"{stage:5}  {operator:13} {size:10} {filters:9} {count:7} {params:15,} {macs:16,}")

    row(1, "Conv3x3", network.stem.size, network.stem.filters, 1, [network.stem])
    for stage in range(2, len(network.scale.baseline.stages) + 2):
        blocks = [block for block in network.blocks if block.stage == stage]
        first, table_row = blocks[0], network.scale.baseline.stages[stage - 2]
        operator = f"MBConv{table_row.expand}, {table_row.kernel}x{table_row.kernel}"
        convs = [conv for block in blocks for conv in block.convs]
        row(stage, operator, first.depthwise.size, first.project.filters, len(blocks), convs)
    row(stage + 1, "Conv1x1, Dense", network.top.size, network.top.filters, 1, [network.top, network.predictions])
    print(f"total {'':45} {network.params:15,} {network.macs:16,}")


def main(arguments):
    """Prints the family, or the network that is named. Returns the exit status."""
    try:
        require(len(arguments) < 2, "the command line", " ".join(arguments), "at most one variant")
        _print_stages(arguments[0].lower()) if arguments else _print_family()
    except ValueError as error:
        print(f"architecture.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
