"""A hand that matches by keys alone: it overshoots on both sides, reads how alike the images are, centres."""

from collections.abc import Callable
from dataclasses import dataclass

from operated_page import ConsolePage


@dataclass(frozen=True)
class Direction:
    """One of the six ways to move: in which view, by which keys, and how far each of them moves."""

    view: str
    keys: tuple[tuple[str, str, float], ...]
    """Of a step forth and back, and its size; the largest first."""
    reach: float
    """So far it overshoots at first."""


def _arrows(view: str, forth: str, back: str) -> Direction:
    steps = (("Shift+", 5.0), ("", 1.0), ("Control+", 0.1))
    return Direction(view, tuple((f"{held}{forth}", f"{held}{back}", size) for held, size in steps), 5.0)


def _turn(view: str) -> Direction:
    steps = (("Shift+", 2.0), ("", 0.5), ("Control+", 0.1))
    return Direction(view, tuple((f"{held}e", f"{held}q", size) for held, size in steps), 2.0)


DIRECTIONS = (
    _arrows("axial", "ArrowRight", "ArrowLeft"),
    _arrows("axial", "ArrowDown", "ArrowUp"),
    _arrows("coronal", "ArrowDown", "ArrowUp"),
    _turn("axial"),
    _turn("coronal"),
    _turn("sagittal"),
)


SWEEPS = (
    (ConsolePage.likeness, 3, 1.0),
    (ConsolePage.likeness_of_region, 6, 0.4),
    (ConsolePage.likeness_of_region, 6, 0.4),
)
"""What is read, in how many of the directions, and with which share of their reach."""


def match_by_keys(console: ConsolePage) -> None:
    """Go through the directions, at first by what is quick to read, then by what is exact."""
    for read, count, share in SWEEPS:
        for direction in DIRECTIONS[:count]:
            _centre(console, direction, share * direction.reach, read)


def _centre(
    console: ConsolePage, direction: Direction, reach: float, read: Callable[[ConsolePage], float]
) -> None:
    """Go to the top of the parabola through the likeness here and as far away on both sides."""
    console.focus(direction.view)
    here = read(console)
    forth = _go(console, direction, reach)
    ahead = read(console)
    _go(console, direction, -2.0 * forth)
    behind = read(console)
    bend = ahead - 2.0 * here + behind
    top = 0.5 * forth * (behind - ahead) / bend if bend < 0.0 else (forth if ahead > behind else -forth)
    _go(console, direction, forth + max(-forth, min(forth, top)))


def _go(console: ConsolePage, direction: Direction, way: float) -> float:
    """Press keys for a way, to the finest step; return how far it went."""
    gone = 0.0
    for forth, back, size in direction.keys:
        while abs(way - gone) >= size - 1e-9 or (
            size == direction.keys[-1][2] and abs(way - gone) > 0.5 * size
        ):
            ahead = way > gone
            console.page.keyboard.press(forth if ahead else back)
            gone += size if ahead else -size
    return gone
