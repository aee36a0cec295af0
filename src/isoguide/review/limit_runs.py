"""Days in a row beyond a limit: so many raise an alert, and as many within the limit end it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby


@dataclass(frozen=True, slots=True)
class ShownDay:
    """What one day that counts showed: ``side`` is 0 within the limit, 1 or -1 beyond it on either side."""

    fraction: int
    value: float
    side: int


@dataclass(frozen=True, slots=True)
class LimitRun:
    """Days beyond a limit that raised an alert.

    Parameters
    ----------
    since, raised_in
        First fraction of the days in a row, and the one on which the alert was raised.
    newest, value
        Newest fraction beyond the limit, and what it showed.
    ended_in
        Fraction that ended it; None while it stands.
    undecided
        Fractions after the newest one that counts, while it stands: they neither confirm nor end it.
    """

    since: int
    raised_in: int
    newest: int
    value: float
    ended_in: int | None = None
    undecided: tuple[int, ...] = ()

    @property
    def stands(self) -> bool:
        """Whether it has not ended."""
        return self.ended_in is None


def limit_runs(shown: Sequence[ShownDay], days: int, looked_at: Sequence[int]) -> Iterator[LimitRun]:
    """Walk the days that count: so many in a row beyond, on one side, raise; so many in a row within end.

    Parameters
    ----------
    shown
        The days that count, in order.
    days
        So many in a row raise an alert, and end it.
    looked_at
        All fractions in order, those that do not count too.
    """
    standing: LimitRun | None = None
    its_side = 0
    for side, group in groupby(shown, lambda day: day.side):
        run = list(group)
        if standing is not None and side == its_side:
            standing = replace(standing, newest=run[-1].fraction, value=run[-1].value)
        elif len(run) >= days:
            decided_in = run[days - 1].fraction
            if standing is not None:
                yield replace(standing, ended_in=decided_in)
            standing, its_side = None, side
            if side:
                standing = LimitRun(run[0].fraction, decided_in, run[-1].fraction, run[-1].value)
    if standing is not None:
        last = shown[-1].fraction
        yield replace(standing, undecided=tuple(number for number in looked_at if number > last))


def undecided_words(fractions: Sequence[int]) -> str:
    """Say which days leave a standing alert as it is, to end a sentence; empty where there are none."""
    if not fractions:
        return ""
    if len(fractions) == 1:
        return f"; fraction {fractions[0]} may not be decided by: it neither confirms nor ends this"
    listed = ", ".join(str(fraction) for fraction in fractions)
    return f"; fractions {listed} may not be decided by: they neither confirm nor end this"
