"""Sliders that redraw a picture, for the mouse, the keyboard and a screen reader, and a sentence where none can be."""

import io

import matplotlib.pyplot as plt
from IPython.display import display

# ipywidgets gives its handles no name, and its pictures no description: a script does, whenever Jupyter draws them.
# The data attribute keeps Jupyter's own shortcuts off the arrow keys while a handle has the focus.
NAMING = """\
(() => {
  const name = () => {
    for (const handle of document.querySelectorAll(".redrawing .noUi-handle:not([aria-label])")) {
      const slider = handle.closest(".widget-slider"), label = slider?.querySelector(".widget-label")?.textContent;
      if (!label) continue;
      handle.setAttribute("aria-label", label);
      handle.dataset.lmSuppressShortcuts = "true";
      const number = slider.querySelector(".widget-readout");
      number?.setAttribute("role", "textbox");
      number?.setAttribute("aria-label", `${label}, as a number`);
    }
    for (const picture of document.querySelectorAll(".redrawing img:not([alt])"))
      picture.alt = "The picture that the sliders redraw";
  };
  new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
  name();
})();"""


def sliders(draw, **ranges):
    """Shows a slider for each of `ranges`, name -> (low, start, high), and the figure of `draw(**values)` under them.

    The picture is drawn again as one drags. Only what ipywidgets 7 has is used, so it runs in Notebook, JupyterLab and
    Colab; where ipywidgets is missing, one printed line says so. A sentence above says what there is to move, and how:
    it is all that remains in a saved notebook, where no slider moves.
    """
    try:
        import ipywidgets
    except ImportError:
        print("No sliders here, because ipywidgets is not installed; the still picture shows what they redraw.")
        return
    controls = {}
    for name, (low, start, high) in ranges.items():
        controls[name] = ipywidgets.FloatSlider(value=start, min=low, max=high, step=0.1, description=name)
    picture = ipywidgets.Image(format="png", layout=dict(max_width="100%"))

    def redraw(change=None):
        fig, data = draw(**{name: control.value for name, control in controls.items()}), io.BytesIO()
        fig.savefig(data, format="png", dpi=80)
        plt.close(fig)
        picture.value = data.getvalue()

    redraw()
    for control in controls.values():
        control.observe(redraw, "value")
    box = ipywidgets.VBox([*controls.values(), picture])
    box.add_class("redrawing")
    words = (
        f"Sliders for {', '.join(ranges)}, which move while the notebook runs in Jupyter or Colab: drag a handle, or "
        "reach it with Tab and press an arrow key."
    )
    display({"text/html": f'<p class="widget">{words}</p>', "text/plain": words}, raw=True)
    display({"application/javascript": NAMING, "text/plain": "names for the sliders"}, raw=True)
    display(box)
