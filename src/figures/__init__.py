# ruff: noqa: F401  (what lessons import)
"""One palette, one `show(fig, alt=...)`, drawings made from the plan, and the charts of the lessons.

style        the palette, and what every picture shares
convolution  drawings of what a convolution looks at
network      drawings of a block, of networks, of their costs
evidence     claims beside their numbers, recipes, who wins by what
blocks       drawings of what goes on inside blocks, and of costs stage by stage
gates        drawings of squeeze-and-excitation
fields       receptive fields, drawn on the photo
charts       lines, points, bars, intervals, images
frontiers    accuracy against cost, for many networks
export       two layers folded into one, places for numbers, files to choose from
machines     a step on many machines; bars with texts beside them
places       where in a photo the evidence for a name lies
transfer     transfer learning: what is trained, class by class, sizes, confusions
redrawing    sliders, and a picture that is drawn again as one drags
canvas       drawing in inches: slabs and arrows
labels       texts that keep out of each other's way

Every function returns a matplotlib Figure and leaves showing it to `show`. `title` or `headline` is always the finding,
written over the picture.
"""

from figures.blocks import draw_channels, draw_dropped, draw_sum, draw_versions, draw_way_back
from figures.charts import (
    curves,
    draw_accuracy,
    draw_against_rivals,
    image_grid,
    paired_bars,
    roofline,
    seeds,
    shares,
    tradeoff,
)
from figures.convolution import draw_by_eye, draw_convolutions, draw_filters, draw_kernels, draw_rivals, draw_wiring
from figures.evidence import draw_claims, draw_equal_recipes, draw_winners, folded_table, readable
from figures.export import draw_files, draw_fold, draw_outlier
from figures.fields import draw_fields
from figures.frontiers import draw_frontiers, draw_ladder, draw_speeds
from figures.gates import draw_desk, draw_replaced, draw_rows, draw_squeeze
from figures.machines import draw_all_reduce, draw_bars, draw_ring
from figures.network import draw_block, draw_costs, draw_network, draw_scaled
from figures.places import draw_difference, draw_places, draw_vote
from figures.redrawing import sliders
from figures.style import COLORS, SERIES, show, use_style
from figures.transfer import (
    draw_padding,
    draw_recall,
    draw_steps,
    draw_training,
    draw_transfer,
    folded_study,
)
