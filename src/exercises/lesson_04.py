"""Lesson 04: compound scaling."""

from architecture import Baseline, Scale, Stage, plan
from exercises.cards import enter_cards


def rows_on_paper(width, depth, rows):
    stages = tuple(Stage(expand=1, kernel=3, stride=1, filters=filters, repeats=count) for filters, count in rows)
    network = plan(Scale(width, depth, 32, baseline=Baseline(stages=stages)))
    return [(blocks[-1].project.filters, len(blocks)) for blocks in network.stages]


def best_within(networks, limits):
    """By sorting all networks on paper, the most expensive first."""
    on_paper = sorted(((plan(scale), name) for name, scale in networks.items()), key=lambda pair: -pair[0].macs)
    for network, name in on_paper:
        costs = dict(macs=network.macs, params=network.params, activations=network.activations)
        if all(costs[what] <= limit for what, limit in limits.items()):
            return name
    return None


enter_cards(
    '''
04.1 recall: Three power laws
def growth(width, depth, resolution):
    """By what factors MACs, parameters and activations grow, if every layer followed the power laws."""
    macs = «depth * width**2 * resolution**2»
    params = «depth * width**2»
    activations = «depth * width * resolution**2»
    return macs, params, activations
? A convolution has k² · inputs · filters weights, and uses each of them once per output pixel.
? Width scales inputs and filters, so weights grow as w². Resolution scales both sides of a map: r² pixels.
? MACs: d · w² · r². Parameters: d · w². Activations, the numbers in the maps: d · w · r².
> (2.0, 1.0, 1.0), (1.0, 3.0, 1.0), (1.0, 1.0, 1.5), (1.1, 1.2, 1.15), (2.0, 3.1, 2.7)
= np.prod(np.power((depth, width, resolution), ((1, 2, 2), (1, 2, 0), (1, 1, 2))), axis=1)
→ MACs, parameters, activations
✗ macs = depth * width**2 -> macs = depth * width # a layer has inputs and filters, and width scales both: square it
✗ macs = depth * width**2 * resolution**2 -> macs = depth * width**2 * resolution
  # an image has rows and columns, and resolution scales both: square it
✗ macs = depth * width**2 * resolution**2 -> macs = depth * width * resolution
  # a layer has inputs and filters, an image rows and columns: square width and resolution
✗ macs = depth * -> macs = depth**2 * # twice as many blocks cost twice as much: depth counts once
✗ params = depth * -> params = depth * resolution**2 * # a weight does not know how many pixels it is used on
✗ params = depth * width**2 -> params = depth * width # a layer has inputs and filters, and width scales both: square it
✗ * width * resolution**2 -> * width**2 * resolution**2
  # a map holds one number per channel and pixel: width counts once
✗ * width * resolution**2 -> * width * resolution # a map has rows and columns: square the resolution
✓ the three laws hold for width, depth, resolution and their products.

04.2 build: Scale Table 1 yourself
def scaled_rows(width, depth, rows):
    """Scales rows of Table 1. rows: a list of (channels, blocks). Returns such a list.

    Channels become the nearest multiple of 8; 8 more if that is below 90 % of what was wanted.
    Blocks are rounded up.
    """
    scaled = []
    for channels, blocks in rows:
        wanted = channels * width
        rounded = «int(wanted + 4) // 8 * 8»
        if «rounded < 0.9 * wanted»:
            rounded += 8
        scaled.append((rounded, «math.ceil(blocks * depth)»))
    return scaled
? Half of 8 added, then a whole division by 8, finds the nearest multiple. Each row is rounded for itself.
? int(wanted + 4) // 8 * 8 is the nearest multiple of 8. math.ceil rounds up.
> *((width, depth, [(16, 1), (24, 2), (40, 2), (80, 3), (112, 3), (192, 4), (320, 1)])
    for width, depth in ((1.4, 1.8), (1.0, 1.0), (1.1, 1.2), (2.0, 3.1), (0.5, 1.1), (0.2, 0.5))),
  (1.2, 1.001, [(16, 1), (24, 2)]), (1.35, 1.4, [(8, 1), (16, 3)])
= rows_on_paper(width, depth, rows)
✗ int(wanted + 4) // 8 -> int(wanted) // 8 # channels were rounded down; add 4 first for the nearest multiple
✗ int(wanted + 4) // 8 * 8 -> int(wanted) # that is no multiple of 8
✗ rounded < 0.9 * wanted -> rounded < wanted # channels were rounded up; the nearest multiple may be below
✗ rounded < 0.9 * wanted -> False # more than a tenth of the channels was lost somewhere: add 8 there
✗ math.ceil(blocks * depth) -> math.floor(blocks * depth) # blocks were rounded down; the code rounds up
✗ math.ceil(blocks * depth) -> round(blocks * depth) # blocks were rounded to the nearest; the code rounds up
✗ math.ceil(blocks * depth) -> blocks * depth # there is no fraction of a block; round up
✗ math.ceil(blocks * depth) -> blocks * math.ceil(depth) # depth was rounded before multiplying; round the product
✓ equals the plan of 8 networks; (1.4, 1.8) and the rows of B0 give Table 1 of B4.

04.3 derive: The γ that doubles
def gamma_for(alpha, beta):
    """The γ with which, by the power law, each step of φ doubles the MACs; None if it would be below 1."""
    gamma = «math.sqrt(2 / (alpha * beta**2))»
    return «gamma if gamma >= 1 else None»
? Equation 3 asks for alpha * beta**2 * gamma**2 = 2.
? Solve it for gamma**2, and take the root. Equation 3 also says how small γ may be.
> (1.2, 1.1), (1.0, 1.0), (2.0, 1.0), (1.0, 1.5), (1.4, 1.15)
= None if alpha * beta**2 > 2 else math.exp((math.log(2 / alpha) - 2 * math.log(beta)) / 2)
✗ math.sqrt(2 / (alpha * beta**2)) -> 2 / (alpha * beta**2) # that is γ²: take the root
✗ beta**2 -> beta # width scales inputs and filters: square β
✗ gamma if gamma >= 1 else None -> gamma # γ below 1 makes the photo smaller: None
✗ >= 1 -> > 1 # γ = 1 leaves the photo as it is: equation 3 allows it
✗ (alpha * beta**2) -> alpha * beta**2 # divide by all of α β²: brackets
✓ for the paper's α and β it is 1.17; its 1.15 makes 1.92.

04.4 decide: Which network fits this machine?
def choose(networks, limits):
    """The name of the network with the most MACs that keeps every limit; None if none does.

    networks: a dict of name -> Scale. limits: a dict of "macs", "params" or "activations" -> the most allowed.
    """
    best, most = None, 0
    for name, scale in networks.items():
        network = plan(scale)
        fits = True
        for what, limit in limits.items():
            if «getattr(network, what) > limit»:
                fits = False
        if fits and «network.macs > most»:
            best, most = name, network.macs
    return best
? getattr(network, "params") is network.params: so one line serves all three limits.
? It does not fit if getattr(network, what) is above the limit. Among those that fit, compare network.macs with most.
> *((dict(depth=Scale(1.0, 4.0, 224), width=Scale(2.0, 1.0, 224), resolution=Scale(1.0, 1.0, 448),
           compound=Scale(1.2, 1.4, 291), half=Scale(1.0, 2.0, 224)), limits)
    for limits in (dict(params=6 * 10**6), dict(activations=14 * 10**6), dict(macs=1575 * 10**6), {},
                   dict(params=13 * 10**6, activations=20 * 10**6), dict(macs=10**12), dict(params=10**6),
                   dict(params=5330564), dict(params=25 * 10**6, macs=10**9)))
= best_within(networks, limits)
✗ getattr(network, what) > limit -> getattr(network, what) >= limit # the most allowed is still allowed
✗ getattr(network, what) > limit -> network.params > limit # compare what the limit is about: getattr(network, what)
✗ getattr(network, what) > limit -> network.macs > limit # compare what the limit is about: getattr(network, what)
✗ getattr(network, what) > limit -> getattr(network, what) < limit # turned round: above the limit means it does not fit
✗ getattr(network, what) > limit -> False # the limits are not asked
✗ network.macs > most -> network.macs < most # no network needs fewer than 0 MACs: look for the most
✗ fits and network.macs > most -> fits and best is None # that is the first that fits; look for the most MACs
✗ fits and network.macs > most -> fits # that is the last that fits; look for the most MACs
✓ right for 9 sets of limits. Now try `fourfold`: which dial does each limit pick, and why?
''',
    globals(),
)
