"""Lesson 02: squeeze and excitation."""

import architecture
from exercises.cards import enter_cards
from exercises.oracles import block_on_paper, built


def params_on_paper(inputs, expand, ratio):
    block = block_on_paper(inputs, expand, ratio=ratio)
    return block.se_reduce.params + block.se_expand.params


def reference(x, inputs, ratio):
    block = block_on_paper(inputs, expand=x.shape[-1] // inputs, size=x.shape[1], ratio=ratio)
    return built(architecture.squeeze_excite, x, block)


def decided(top1, noise):
    """The same verdict from the losses, sorted out step by step."""
    reaction, balance = top1["own"] - top1["mean"], top1["mean"] - top1["one"]
    if reaction <= noise and balance <= noise:
        return "nothing"
    return "react" if reaction > noise else "balance"


enter_cards(
    '''
02.1 recall: Parameters of squeeze-and-excitation
def se_params(inputs, expand, ratio=0.25):
    """Parameters, biases included, in a block that widens `inputs` channels `expand` times.

    The bottleneck is `ratio` of the inputs, rounded down, and at least 1.
    """
    wide = «inputs * expand»
    narrow = «max(1, int(inputs * ratio))»
    return «2 * wide * narrow + narrow + wide»
? Two layers: from wide to narrow and back. How many weights has each, how many biases?
? wide is inputs * expand, the channels that are weighed. narrow is a quarter of inputs, rounded down, at least 1.
? Weights: wide * narrow, twice. Biases: narrow for the first layer, wide for the second.
> *sorted({((block.expand or block.depthwise).inputs, 6 if block.expand else 1, 0.25)
  for block in plan("b0").blocks + plan("b3").blocks}), (3, 6, 0.25), (40, 4, 0.5), (7, 6, 0.25), (9, 6, 0.25), (10, 4,
  0.4)
= params_on_paper(inputs, expand, ratio)
✗ int(inputs * ratio) -> int(wide * ratio) # that bottleneck is a share of the expanded channels, not of the inputs
✗ int(inputs * ratio) -> math.ceil(inputs * ratio) # the bottleneck is rounded down
✗ int(inputs * ratio) -> round(inputs * ratio) # the bottleneck is rounded down, not to the nearest
✗ int(inputs * ratio) -> inputs // round(1 / ratio) # take the ratio of the inputs: 1 / 0.4 is no whole number
✗ int(inputs * ratio) -> inputs * ratio # there is no fraction of a channel: round down
✗ int(inputs * ratio) -> inputs // 4 # the ratio is not always a quarter
✗ max(1, int(inputs * ratio)) -> int(inputs * ratio); + narrow + wide -> # each of the two layers has biases, too
✗ max(1, int(inputs * ratio)) -> int(inputs * ratio) # the bottleneck keeps one channel at least
✗ + narrow + wide -> # the weights are right; each of the two layers has biases too
✗ 2 * wide * narrow + narrow + wide -> wide * narrow + narrow # that is the first layer; the second widens again
✗ + narrow + wide -> + 4 * narrow + 4 * wide # batch normalization has four numbers per channel; here are biases
✗ + narrow + wide -> + 2 * narrow # the second layer has a bias for each of its wide outputs
✗ wide = inputs * expand -> wide = inputs # the gate weighs the expanded channels: wide is inputs * expand
✓ equals the plan for every block of B0 and B3; block2a has 868.

02.2 build: Squeeze-and-excitation in Keras
def keras_squeeze_excite(x, inputs, ratio):
    """Weighs the channels of a map, with fresh weights. x: (n, h, w, channels). Returns the same shape.

    The bottleneck is `ratio` of the `inputs` of the block, rounded down.
    """
    keras.utils.set_random_seed(0)  # equal layers, made in equal order, get equal weights
    gate = «layers.GlobalAveragePooling2D(keepdims=True)(x)»
    gate = «layers.Conv2D(int(ratio * inputs), 1, activation="silu")(gate)»
    gate = «layers.Conv2D(x.shape[-1], 1, activation="sigmoid")(gate)»
    return «layers.Multiply()([x, gate])»
? Squeeze: GlobalAveragePooling2D(keepdims=True) leaves one number a channel, as a map of 1 x 1.
? Excite: two Conv2D with kernels of 1 x 1, first to int(ratio * inputs) channels with "silu", then back to x.shape[-1].
? A gate lies between 0 and 1, so the second activation is "sigmoid". Scale: multiply the map by the gate.
> (rng.normal(size=(2, 7, 7, 48)).astype("float32"), 8, 0.25),
  (rng.normal(size=(1, 5, 5, 60)).astype("float32"), 10, 0.4),
  (rng.normal(size=(3, 4, 4, 36)).astype("float32"), 6, 0.5)
= reference(x, inputs, ratio)
~ layers.Multiply()([x, gate]) -> x * gate
✗ int(ratio * inputs) -> int(ratio * x.shape[-1])
  # the bottleneck is a share of the block's inputs, not of the expanded channels
✗ int(ratio * inputs) -> inputs // 4 # the ratio is not always a quarter
✗ keepdims=True -> # a convolution needs a map: keepdims=True leaves one of 1 x 1 pixels
✗ "silu" -> "silu", use_bias=False; "sigmoid" -> "sigmoid", use_bias=False # both small layers have a bias
✗ layers.GlobalAveragePooling2D -> layers.GlobalMaxPooling2D # squeeze takes the mean of each channel, not its maximum
✗ activation="silu" -> activation="relu" # EfficientNet's narrow layer has a swish: activation="silu"
✗ , activation="silu" -> # the narrow layer needs its activation, "silu"
✗ "sigmoid" -> "silu" # a gate lies between 0 and 1: its activation is "sigmoid"
✗ layers.Multiply()([x, gate]) -> gate # those are the gates; multiply the map by them
✗ layers.Multiply()([x, gate]) -> layers.Add()([x, gate]) # a gate turns a channel up or down: multiply
✓ equals architecture.squeeze_excite, number by number, for three blocks.

02.3 derive: A gate that never changes is free
def fold_gate(gate, project):
    """The project kernel that makes a constant gate superfluous: x @ folded equals (x * gate) @ project.

    gate: (c,); project: (1, 1, c, n). Returns (1, 1, c, n).
    """
    return «gate[:, None] * project»
? Write one output as a sum over the channels c: x[c] * gate[c] * project[c, n]. Which two belong together?
? Each row of the kernel, one per input channel, is multiplied by that channel's gate.
? gate[:, None] has shape (c, 1) and broadcasts along n.
> *((rng.uniform(0.1, 0.9, c), rng.normal(size=(1, 1, c, n))) for c, n in ((5, 5), (6, 3), (2, 7)))
= np.einsum("c,abcn->abcn", gate, project)
✗ gate * project # those are the output channels; the gate belongs to the input channels
✗ project / gate[:, None] # the kernel was divided by the gate; the gate makes a channel quieter
✗ gate.mean() * project # each channel has its own gate; do not average them
✗ gate[:, None] * project[0, 0] # the numbers are right; keep the kernel's shape, (1, 1, c, n)
✓ the same outputs with one layer less. Only a gate that depends on the image needs squeeze-and-excitation.
02.4 decide: What does this gate do?
def what_gates_do(stored, recomputed, noise):
    """Returns "react" if gates react to the image, "balance" if they only weigh channels, and "nothing" otherwise.

    stored, recomputed: dicts with the top-1 in % of one trained network with the gates "own", "mean" and "one", with
    stored batch norm statistics and with recomputed ones. Differences up to `noise` points do not count.
    """
    fair = «recomputed»
    if «fair["own"] - fair["mean"]» > noise:
        return "react"
    if «fair["mean"] - fair["one"]» > noise:
        return "balance"
    return "nothing"
? One of the two columns mixes two effects. In which one does every network have statistics that fit its gates?
? If gates react, a constant gate is worse than the network's own gates. Compare "own" with "mean".
? If they only balance, the mean gate is as good as its own, but a gate of one is worse. Compare "mean" with "one".
> ({"own": 88, "mean": 80, "one": 30}, {"own": 88, "mean": 87.8, "one": 87.7}, 0.5),
  ({"own": 88, "mean": 87, "one": 20}, {"own": 88, "mean": 85, "one": 84.9}, 0.5),
  ({"own": 76, "mean": 75.8, "one": 75.7}, {"own": 76, "mean": 75.9, "one": 70}, 0.5),
  ({"own": 76, "mean": 70, "one": 60}, {"own": 76, "mean": 75.9, "one": 74}, 1),
  ({"own": 70, "mean": 69, "one": 69.5}, {"own": 70, "mean": 68, "one": 69}, 3),
  ({"own": 90, "mean": 89, "one": 50}, {"own": 90, "mean": 86, "one": 70}, 1),
  ({"own": 60, "mean": 59.5, "one": 40}, {"own": 60, "mean": 63, "one": 58}, 2)
= decided(recomputed, noise)
✗ fair = recomputed -> fair = stored
  # with stored statistics a change of loudness looks like a loss; take the recomputed column
✗ fair["own"] - fair["mean"] -> fair["own"] - fair["one"]
  # "one" also loses the balance between channels; whether gates react is own against mean
✗ fair["mean"] - fair["one"] -> fair["own"] - fair["one"]
  # that counts the reaction too; the balance is what mean has and one has not
✗ fair["own"] - fair["mean"] -> fair["mean"] - fair["own"]
  # a loss counts, not any change: own minus mean, with its sign
✗ fair["mean"] - fair["one"] -> fair["one"] - fair["mean"] # the sign is turned round: mean minus one
✓ judges 7 networks as the table does, and falls for no stale statistics.
''',
    globals(),
)
