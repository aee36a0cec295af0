"""Run a kernel over fixed chunks on the cores there are; the chunks do not depend on how many that is."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

CHUNKS = 16
"""Work is always cut into this many pieces whose results are combined in order: same bits on any machine."""


@cache
def _pool() -> ThreadPoolExecutor:
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return ThreadPoolExecutor(max_workers=min(cores, CHUNKS), thread_name_prefix="isoguide-kernel")


def run_chunked(piece: Callable[[int, int], None], count: int) -> None:
    """Call ``piece(start, stop)`` for consecutive ranges that cover ``range(count)``.

    ``piece`` calls a compiled kernel that releases the GIL and writes only to its own range.
    """
    bounds = [count * chunk // CHUNKS for chunk in range(CHUNKS + 1)]
    ranges = [(start, stop) for start, stop in pairwise(bounds) if stop > start]
    for future in [_pool().submit(piece, start, stop) for start, stop in ranges]:
        future.result()
