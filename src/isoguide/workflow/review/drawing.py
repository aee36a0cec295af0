"""One calm style for all figures: thin lines, direct labels, shapes that need no colour, equal bytes.

Colours are those of Okabe and Ito (Color Universal Design, 2008), which colour-blind people tell apart;
shapes and fillings say the same once more, so that a copy in black and white reads as well.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from threading import Lock
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK: Final = "#16202c"
MUTED: Final = "#566474"
RULE: Final = "#c3ccd6"
BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
GREEN: Final = "#00785a"
TRUTH: Final = "#5b3a9b"
"""That of the badge "truth"."""
WIDTH_IN: Final = 10.5
"""Of every figure: the width of a page of the report at 96 dots per inch."""
DPI: Final = 144
SMALL_PT: Final = 8.0

Panels = list[list[Axes]]

_STYLE: Final[dict[Any, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 6.0,
    "axes.titley": 1.0,  # known beforehand, or every label is measured to find it
    "axes.unicode_minus": True,
    "lines.linewidth": 1.0,
    "lines.markersize": 4.5,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "svg.fonttype": "path",
    "svg.hashsalt": "isoguide",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}
# The settings of matplotlib are those of the whole process.
_ONE_AT_A_TIME: Final = Lock()


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure in two formats: ``name`` of its files, ``about`` for those who cannot see it."""

    name: str
    about: str
    png: bytes
    svg: bytes

    @property
    def files(self) -> dict[str, bytes]:
        """Its files by their names."""
        return {f"{self.name}.png": self.png, f"{self.name}.svg": self.svg}

    def html(self, caption: str = "") -> str:
        """Put it on a page; ``caption`` is HTML."""
        data = b64encode(self.svg).decode("ascii")
        told = f"<figcaption>{caption}</figcaption>" if caption else ""
        return (
            f'<figure class="drawn"><img alt="{escape(self.about)}" src="data:image/svg+xml;base64,{data}">'
            f"{told}</figure>"
        )


def picture(name: str, about: str, height_in: float, draw: Callable[[Figure], None]) -> Picture:
    """Draw a figure of the page's width and return it in both formats; the same drawing gives the same bytes.

    Parameters
    ----------
    name
        Of its files, without an ending.
    about
        What it shows.
    height_in
        In inches.
    draw
        Puts everything on the empty figure.
    """
    with _ONE_AT_A_TIME, rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH_IN, height_in))
        FigureCanvasAgg(figure)
        draw(figure)
        png, svg = BytesIO(), BytesIO()
        figure.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return Picture(name, about, png.getvalue(), svg.getvalue())


def panels(
    figure: Figure,
    rows: int,
    columns: int,
    *,
    edges_in: tuple[float, float, float, float],
    gaps_in: tuple[float, float],
    **options: Any,
) -> Panels:
    """Return panels [row][column] with known distances, so that no label is ever cut off.

    Parameters
    ----------
    figure
        Empty.
    rows, columns
        How many.
    edges_in
        Left, right, top, bottom, in inches.
    gaps_in
        Between columns and between rows, in inches.
    options
        Of :meth:`matplotlib.figure.Figure.subplots`.
    """
    width_in, height_in = figure.get_size_inches()
    left, right, top, bottom = edges_in
    each_in = (width_in - left - right - (columns - 1) * gaps_in[0]) / columns
    tall_in = (height_in - top - bottom - (rows - 1) * gaps_in[1]) / rows
    ratios = options.pop("height_ratios", None)
    grid = {
        "left": left / width_in,
        "right": 1.0 - right / width_in,
        "top": 1.0 - top / height_in,
        "bottom": bottom / height_in,
        "wspace": gaps_in[0] / each_in,
        "hspace": gaps_in[1] / tall_in,
    }
    if ratios is not None:
        grid["height_ratios"] = ratios
    found = figure.subplots(rows, columns, squeeze=False, gridspec_kw=grid, **options)
    return [list(row) for row in found]


def zero_line(axes: Axes, *, upright: bool = False) -> None:
    """Mark zero."""
    (axes.axvline if upright else axes.axhline)(0.0, color=RULE, linewidth=0.8, zorder=0.5)


def ends(axes: Axes, up: str, down: str) -> None:
    """Say at the ends of the vertical axis which way is which."""
    for height, words, place in ((0.99, up, "top"), (0.01, down, "bottom")):
        axes.annotate(
            words,
            (0.0, height),
            xycoords="axes fraction",
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=SMALL_PT,
            color=MUTED,
            va=place,
            style="italic",
        )


def rows_of(axes: Axes, names: Sequence[str], *, labelled: bool) -> None:
    """Make the vertical axis a list of names from top to bottom."""
    axes.set_ylim(len(names) - 0.4, -0.6)
    if labelled:
        axes.set_yticks(range(len(names)), labels=names)
    else:
        axes.set_yticks([])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    across = axes.get_yaxis_transform()
    axes.hlines(range(len(names)), 0.0, 1.0, transform=across, color=RULE, linewidth=0.4, zorder=0.3)
