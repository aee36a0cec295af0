"""One colour for a structure on pictures and charts, seen on both grounds."""

from colorsys import rgb_to_hsv

import pytest

from isoguide.workflow.structure_colours import COLOURS, TARGET, StructureColour, kinds_of, style_sheet

PICTURE, PAPER = "#181c24", "#ffffff"


def parts(colour: str) -> list[float]:
    return [part / 255.0 for part in bytes.fromhex(colour[1:])]


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted(luminance(colour) + 0.05 for colour in (one, other))
    return high / low


@pytest.mark.parametrize("kind", COLOURS)
def test_a_structure_is_seen_on_pictures_and_on_paper_in_one_hue(kind: str) -> None:
    colour: StructureColour = COLOURS[kind]
    assert contrast(colour.on_picture, PICTURE) >= 3.0
    assert contrast(colour.on_paper, PAPER) >= 3.0
    (light, light_share, _), (dark, dark_share, _) = (
        rgb_to_hsv(*parts(one)) for one in (colour.on_picture, colour.on_paper)
    )
    apart_deg = abs((light - dark + 0.5) % 1.0 - 0.5) * 360.0
    assert apart_deg < 20.0 or max(light_share, dark_share) == 0.0
    assert f".{kind} {{ --c: {colour.on_picture}; }}" in style_sheet()


def test_no_two_structures_share_a_colour() -> None:
    for ground in ("on_picture", "on_paper"):
        assert len({getattr(colour, ground) for colour in COLOURS.values()}) == len(COLOURS)


def test_the_target_has_its_own_colour_and_organs_keep_theirs_in_turn() -> None:
    assert kinds_of(("Bladder", "PTV", "Rectum"), "PTV") == {"Bladder": "s1", "PTV": TARGET, "Rectum": "s2"}
    many = kinds_of((f"n{number}" for number in range(17)), None)
    assert (many["n0"], many["n14"], many["n15"]) == ("s1", "s15", "s1")
