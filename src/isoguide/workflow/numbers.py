"""Numbers as people read them: with a true minus sign, which is as wide as the plus, and no sign at zero.

Only for pages. Files for programs keep the hyphen that programs read.
"""

import re
from typing import Final

MINUS: Final = "\N{MINUS SIGN}"
_NEGATIVE: Final = re.compile(r"(?<![^\s(])-(?=\d)")
"""A hyphen that begins a number: one within a name or a date has something before it."""


def number(value: float, decimals: int) -> str:
    """Write a number, zero without a sign."""
    return typeset(f"{round(value, decimals) + 0.0:.{decimals}f}")


def signed(value: float, decimals: int = 1) -> str:
    """Write a number with its sign; what reads as zero has none."""
    return typeset(f"{value:+.{decimals}f}") if round(value, decimals) else number(0.0, decimals)


def typeset(words: str) -> str:
    """Put true minus signs before the negative numbers of a text, and change nothing else."""
    return _NEGATIVE.sub(MINUS, words)
