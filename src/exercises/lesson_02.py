"""Lesson 02: squeeze and excitation."""

from exercises.cards import block_on_paper, enter_cards


def params_on_paper(inputs, expand, ratio):
    block = block_on_paper(inputs, expand, ratio=ratio)
    return block.se_reduce.params + block.se_expand.params


def share_on_paper(ratio, size):
    block = block_on_paper(inputs=40, expand=6, size=size, ratio=ratio)
    return (block.se_reduce.macs + block.se_expand.macs) / (block.expand.macs + block.project.macs)


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
✗ max(1, int(inputs * ratio)) -> int(inputs * ratio) # the bottleneck keeps one channel at least
✗ + narrow + wide -> # the weights are right; each of the two layers has biases too
✗ 2 * wide * narrow + narrow + wide -> wide * narrow + narrow # that is the first layer; the second widens again
✗ + narrow + wide -> + 4 * narrow + 4 * wide # batch normalization has four numbers per channel; here are biases
✗ + narrow + wide -> + 2 * narrow # the second layer has a bias for each of its wide outputs
✗ wide = inputs * expand -> wide = inputs # the gate weighs the expanded channels: wide is inputs * expand
✓ equals the plan for every block of B0 and B3; block2a has 868.

02.2 modify: A gate without a bottleneck
def eca_gate(z, kernel):
    """ECA-Net's gate: the sigmoid of a convolution over the channels, so each looks at its neighbours only.

    Zeros stand beyond both ends; as in lesson 01, the kernel is not flipped.
    z: (c,), the channel means; kernel: (k,), k odd. Returns (c,), between 0 and 1.
    """
    padded = np.pad(z, «len(kernel) // 2»)
    mixed = np.array([«padded[i : i + len(kernel)] @ kernel» for i in range(len(z))])
    return «1 / (1 + np.exp(-mixed))»
? It is a convolution over the channels: a window of len(kernel) means, times the kernel, summed.
? Pad half a kernel of zeros on both sides, so that there are c windows: padded[i : i + len(kernel)].
? The gate is the sigmoid of the sums, and nothing else: no bias, no second layer.
> *((rng.normal(size=channels) + 1, rng.normal(size=k)) for channels, k in ((6, 3), (9, 5), (16, 3), (4, 1)))
= 1 / (1 + np.exp(-np.correlate(np.pad(z, len(kernel) // 2), kernel, "valid")))
✗ 1 / (1 + np.exp(-mixed)) -> mixed # those are the sums; the gate is their sigmoid
✗ -mixed -> mixed # the sign in the exponent is wrong: 1 / (1 + exp(-x))
✗ @ kernel -> @ kernel[::-1] # the kernel was turned round; do not flip it
✗ len(kernel) // 2 -> len(kernel) // 2, mode="edge" # the ends were repeated; pad with zeros
✗ 1 / (1 + np.exp(-mixed)) -> np.tanh(mixed) # tanh goes from -1 to 1; a gate is between 0 and 1
✗ padded[i : i + len(kernel)] -> z[i : i + len(kernel)] # at the end no window is left: cut it out of `padded`
✓ right for 4 sizes. It has k weights; squeeze-and-excitation in block2a has 868.

02.3 derive: Why the MACs hardly notice
def se_share(ratio, size):
    """MACs of squeeze-and-excitation, divided by those of expand and project together.

    The block has stride 1, as many outputs as inputs, and size x size pixels; `ratio` is of the inputs.
    """
    return «ratio / size**2»
? Let the block have C inputs and expand e times. Expand: size² · C · eC. Project: the same.
? Squeeze-and-excitation runs once per image: eC · rC there and rC · eC back, with r the ratio.
? Divide 2 e r C² by 2 e C² size²: what is left knows neither C nor e.
> *((0.25, size) for size in sorted({block.depthwise.size for block in plan("b0").blocks + plan("b3").blocks
  if block.skip and block.expand})), (0.5, 10), (0.8, 3), (0.4, 10)
= share_on_paper(ratio, size)
✗ ratio # that is the share of the weights; expand and project use theirs at every pixel
✗ ratio / size**2 -> ratio / size # an image of size x size has size**2 pixels
✗ ratio / size**2 -> 6 * ratio / size**2 # expand cancels: all four layers have the wide channels on one side
✗ ratio / size**2 -> 2 * ratio / size**2 # there are two layers above and two below the line; the 2 cancels
✗ ratio / size**2 -> ratio / size**2 / 2 # there are two layers above and two below the line; the 2 cancels
✗ size**2 / ratio # that is expand and project over squeeze-and-excitation; turn it over
✗ ratio / size**2 -> 1 / size**2 # that would be a bottleneck as wide as the inputs; the ratio is missing
✗ ratio / size**2 -> 1 / round(1 / ratio) / size**2 # take the ratio as it is: 1 / 0.4 is no whole number
✓ equals the plan's ratio at 8 resolutions of B0 and B3, whatever the channels.

02.4 derive: A gate that never changes is free
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
✗ gate * project # those are the output channels; the gate belongs to the input channels: gate[:, None]
✗ project / gate[:, None] # the kernel was divided by the gate; the gate makes a channel quieter
✗ gate.mean() * project # each channel has its own gate; do not average them
✗ gate[:, None] * project[0, 0] # the numbers are right; keep the kernel's shape, (1, 1, c, n)
✓ the same outputs with one layer less. Only a gate that depends on the image needs squeeze-and-excitation.
''',
    globals(),
)
