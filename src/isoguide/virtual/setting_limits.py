"""Checks of settings: a value that cannot be is refused by its name."""

import math
from collections.abc import Iterable

from isoguide.errors import InputError


def require(name: str, value: float, low: float, high: float) -> None:
    """Refuse a value outside [low, high].

    Raises
    ------
    InputError
        With the setting's name, its value and what is allowed.
    """
    if not (math.isfinite(value) and low <= value <= high):
        msg = f"{name} is {value:g}: it must lie between {low:g} and {high:g}"
        raise InputError(msg)


def require_each(name: str, values: Iterable[float], low: float, high: float) -> None:
    """Refuse a triple of which a value lies outside [low, high], or that has not three values.

    Raises
    ------
    InputError
        With the setting's name.
    """
    numbers = tuple(values)
    if len(numbers) != 3:
        msg = f"{name} needs three values, along x, y and z, not {len(numbers)}"
        raise InputError(msg)
    for number in numbers:
        require(name, number, low, high)
