"""How long work reports where it is, and how a caller asks it to stop."""

from typing import Protocol


class Progress(Protocol):
    """Called by long work with the fraction done and the name of the step that starts.

    An implementation asks the work to stop by raising :class:`isoguide.errors.Cancelled`.
    """

    def __call__(self, fraction: float, step: str) -> None:
        """Report that ``fraction`` (0 to 1) is done and that ``step`` starts now."""
        ...


def silent(fraction: float, step: str) -> None:
    """Report nothing: the default wherever progress is an argument."""


def part_of(progress: Progress, start: float, stop: float) -> Progress:
    """Map the 0 to 1 of a sub-task onto ``start`` to ``stop`` of the whole."""

    def report(fraction: float, step: str) -> None:
        progress(start + (stop - start) * fraction, step)

    return report
