"""The colours of structures in everything that is drawn: one hue for each, light on pictures, dark on paper.

A structure is named by its class of the style sheet, which says its hue: "target", or "s1" to "s15".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Final

TARGET: Final = "target"


@dataclass(frozen=True, slots=True)
class StructureColour:
    """One hue: light enough for lines on a dark picture, and dark enough for lines on white; #rrggbb."""

    on_picture: str
    on_paper: str

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue on a picture, 0 to 255."""
        red, green, blue = bytes.fromhex(self.on_picture[1:])
        return red, green, blue


COLOURS: Final[Mapping[str, StructureColour]] = {
    TARGET: StructureColour("#7df05a", "#2a8f10"),
    "s1": StructureColour("#ff6b5e", "#d63426"),
    "s2": StructureColour("#ffd23f", "#a67c00"),
    "s3": StructureColour("#c98d4b", "#7a4a14"),
    "s4": StructureColour("#59c3ff", "#0077bd"),
    "s5": StructureColour("#ff8ad4", "#d0329a"),
    "s6": StructureColour("#b79cff", "#6a45d9"),
    "s7": StructureColour("#4fe0c0", "#00876b"),
    "s8": StructureColour("#f2f2f2", "#6f6f6f"),
    "s9": StructureColour("#9fb8d8", "#3d5a80"),
    "s10": StructureColour("#d5e86e", "#6f8000"),
    "s11": StructureColour("#ff9f5a", "#c45400"),
    "s12": StructureColour("#8fe3ff", "#00839a"),
    "s13": StructureColour("#e59cff", "#9400b8"),
    "s14": StructureColour("#b4c49a", "#556b2f"),
    "s15": StructureColour("#ffb3b3", "#8c1c2c"),
}
ORGANS: Final = tuple(kind for kind in COLOURS if kind != TARGET)


def kinds_of(names: Iterable[str], target_name: str | None) -> dict[str, str]:
    """Give each structure of a plan its class: the target its own, the others theirs in turn.

    Everything on one page asks with the same names, so that a structure that is absent from one picture
    does not change the colours of the others.
    """
    organs = cycle(ORGANS)
    return {name: TARGET if name == target_name else next(organs) for name in dict.fromkeys(names)}


def on_paper(kinds: Mapping[str, str]) -> dict[str, str]:
    """Return the CSS colour of each structure's line on white."""
    return {name: COLOURS[kind].on_paper for name, kind in kinds.items()}


def style_sheet() -> str:
    """Return the rules that make lines and swatches of the classes coloured."""
    colours = "".join(f".{kind} {{ --c: {one.on_picture}; }}\n" for kind, one in COLOURS.items())
    classes = ", ".join(f".{kind}" for kind in COLOURS)
    return f"{colours}svg :is({classes}) {{ stroke: var(--c); stroke-width: 1.5px; }}\n"
