"""Long work beside the requests: first come first served, never lost, and asked to stop by its progress."""

import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from isoguide.errors import Cancelled, InputError, IsoguideError, UnknownNameError
from isoguide.progress import Progress
from isoguide.treatment.refusals import RefusedError

JobState = Literal["waiting", "running", "done", "failed", "cancelled"]
DayPart = Literal["anatomy", "dose", "corrections"]
"""What is found out about the day that an image shows."""
FINISHED: Final = ("done", "failed", "cancelled")
MISTAKE: Final = "mistake"
_LOG: Final = logging.getLogger(__name__)
_APART_S: Final = 0.1
"""How far apart in time the changes of a running job are told."""


@dataclass(frozen=True, slots=True)
class Job:
    """Long work as it stands; ``problem`` and ``kind`` say why it failed, ``result`` what came of it."""

    job_id: str
    title: str
    started_by: str
    course_id: str | None = None
    assesses: str | None = None
    part: DayPart | None = None
    state: JobState = "waiting"
    fraction_done: float = 0.0
    step: str = ""
    problem: str = ""
    kind: str = ""
    result: Mapping[str, Any] | None = None

    @property
    def is_finished(self) -> bool:
        """Whether nothing of it can change any more."""
        return self.state in FINISHED


Work = Callable[[Progress], Mapping[str, Any] | None]
"""Does the work and returns what came of it."""


@dataclass(frozen=True, slots=True)
class Task:
    """Work that is asked for.

    Parameters
    ----------
    title
        What it is, in words.
    started_by
        Who asked.
    work
        Does it.
    course_id
        Of which course; a course has one unfinished job at a time.
    assesses
        UID of the image whose day it assesses. Such work keeps no course from its next step, and one of
        it goes on at a time in the whole department: a patient who lies on a couch does not wait for it.
    part
        What of that day; None for other work.
    at_end
        Called once whatever happens, with whether it was done.
    begin_within
        It fails when it would begin later: what moves a machine must not begin when nobody expects it any
        more.
    """

    title: str
    started_by: str
    work: Work
    course_id: str | None = None
    assesses: str | None = None
    part: DayPart | None = None
    at_end: Callable[[bool], None] | None = None
    begin_within: timedelta | None = None


class Jobs:
    """Runs work in a few threads, in the order in which it was asked for; may be shared by threads.

    Parameters
    ----------
    on_change
        Told each change of a job, those of its progress at most 10 times a second.
    kind_of
        Names the kind of an error.
    now
        Says the time.
    threads
        So many jobs run at once: each uses all cores by itself.
    kept
        So many finished jobs are remembered.
    """

    def __init__(
        self,
        on_change: Callable[[Job], None],
        kind_of: Callable[[IsoguideError], str],
        now: Callable[[], datetime],
        *,
        threads: int = 2,
        kept: int = 100,
    ) -> None:
        self._on_change, self._kind_of, self._now, self._kept = on_change, kind_of, now, kept
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._stops: dict[str, threading.Event] = {}
        self._is_closed = False
        self._line: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"job {number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def add(self, task: Task) -> Job:
        """Put work at the end of the line.

        Raises
        ------
        RefusedError
            If its course has a job that is not finished, the service ends, or it assesses an image while
            another one is assessed.
        """
        name = secrets.token_hex(8)
        job = Job(name, task.title, task.started_by, task.course_id, task.assesses, task.part)
        with self._lock:
            self._require_room_for(task)
            self._jobs[job.job_id] = job
            self._waiting[job.job_id] = _Waiting(task, self._now())
        self._tell(job)
        self._line.put(job.job_id)
        return job

    def _require_room_for(self, task: Task) -> None:
        if self._is_closed:
            msg = "the service ends, so no work begins: try again when it runs"
            raise RefusedError(msg)
        for job in self._jobs.values():
            if not job.is_finished and _is_in_the_way(job, task):
                msg = f"'{job.title}' of course {job.course_id} is under way: wait for it, or cancel it"
                raise RefusedError(msg)

    def all(self) -> tuple[Job, ...]:
        """Return all jobs that are remembered, the newest first."""
        with self._lock:
            return tuple(reversed(self._jobs.values()))

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises
        ------
        UnknownNameError
            If there is none.
        """
        with self._lock:
            if job_id not in self._jobs:
                msg = "there is no such job: it is over for long, or the service was started again"
                raise UnknownNameError(msg)
            return self._jobs[job_id]

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop; a running one does when it next says how far it is.

        Raises
        ------
        UnknownNameError
            If there is none.
        InputError
            If it is finished.
        """
        job = self.get(job_id)
        with self._lock:
            waiting = self._waiting.pop(job_id, None)
            stop = self._stops.get(job_id)
            if stop is not None:
                stop.set()
        if waiting is not None:
            self._end(job_id, waiting.task, {"state": "cancelled"})
        elif stop is None:
            msg = f"'{job.title}' is {job.state} already, so there is nothing to cancel"
            raise InputError(msg)
        return self.get(job_id)

    def close(self, patience_s: float = 30.0) -> None:
        """Cancel everything and wait for it."""
        with self._lock:
            self._is_closed = True
            unfinished = [*self._waiting, *self._stops]
        for job_id in unfinished:
            with suppress(InputError):  # it ended meanwhile
                self.cancel(job_id)
        for _ in self._threads:
            self._line.put(None)
        for thread in self._threads:
            thread.join(patience_s)

    def _run(self) -> None:
        while (job_id := self._line.get()) is not None:
            with self._lock:
                waiting = self._waiting.pop(job_id, None)
                if waiting is not None:
                    self._stops[job_id] = threading.Event()
            if waiting is not None:
                self._do(job_id, waiting)

    def _do(self, job_id: str, waiting: "_Waiting") -> None:
        task, report = waiting.task, _Report(self, job_id, self._stops[job_id])
        ended: dict[str, Any]
        try:
            waiting.require_in_time(self._now())
            self._change(job_id, state="running")
            ended = {"state": "done", "fraction_done": 1.0, "result": task.work(report)}
        except Cancelled:
            ended = {"state": "cancelled"}
        except IsoguideError as error:
            ended = {"state": "failed", "problem": str(error), "kind": self._kind_of(error)}
        except BaseException as error:  # noqa: BLE001 - whatever it was, who asked gets to know that it failed
            _LOG.error("job '%s' failed", task.title, exc_info=error)
            problem = (
                f"this is a mistake of isoguide ({type(error).__name__}): look into the log of the service"
            )
            ended = {"state": "failed", "problem": problem, "kind": MISTAKE}
        self._end(job_id, task, ended)

    def _end(self, job_id: str, task: Task, ended: Mapping[str, Any]) -> None:
        try:
            if task.at_end is not None:
                task.at_end(ended["state"] == "done")
        except Exception as error:  # noqa: BLE001 - what is left over must not hide how the work ended
            _LOG.error("the end of job '%s' failed", task.title, exc_info=error)
        with self._lock:
            self._stops.pop(job_id, None)
            job = self._jobs[job_id] = replace(self._jobs[job_id], **ended)
            self._forget_old()
        self._tell(job)

    def _change(self, job_id: str, **changes: Any) -> None:
        with self._lock:
            job = self._jobs[job_id] = replace(self._jobs[job_id], **changes)
        self._tell(job)

    def note_progress(self, job_id: str, fraction: float, step: str, *, is_told: bool) -> None:
        """Remember how far a job is, and tell it unless that was done just now."""
        with self._lock:
            job = replace(self._jobs[job_id], fraction_done=min(max(fraction, 0.0), 1.0), step=step)
            self._jobs[job_id] = job
        if is_told:
            self._tell(job)

    def _tell(self, job: Job) -> None:
        try:
            self._on_change(job)
        except Exception as error:  # noqa: BLE001 - a listener that fails does not end the work
            _LOG.error("a change of job '%s' was not told", job.title, exc_info=error)

    def _forget_old(self) -> None:
        finished = [job.job_id for job in self._jobs.values() if job.is_finished]
        for job_id in finished[: -self._kept]:
            del self._jobs[job_id]


def _is_in_the_way(job: Job, task: Task) -> bool:
    if task.assesses is not None or job.assesses is not None:
        return task.assesses is not None and job.assesses is not None
    return task.course_id is not None and job.course_id == task.course_id


@dataclass(frozen=True, slots=True)
class _Waiting:
    task: Task
    asked_at: datetime

    def require_in_time(self, now: datetime) -> None:
        within, waited = self.task.begin_within, now - self.asked_at
        if within is not None and waited > within:
            waited_s = waited / timedelta(seconds=1)
            msg = (
                f"'{self.task.title}' waited {waited_s:.0f} s for other work, so it was not begun: ask again"
            )
            raise RefusedError(msg)


@dataclass(eq=False)
class _Report:
    """The progress of one job."""

    jobs: Jobs
    job_id: str
    stop: threading.Event
    _told_at: float = -1.0

    def __call__(self, fraction: float, step: str) -> None:
        # Where all is done there is nothing left to stop: a step that counts must not be called cancelled.
        if fraction < 1.0:
            self._require_wanted()
        now = time.monotonic()
        is_told = now - self._told_at >= _APART_S
        if is_told:
            self._told_at = now
        self.jobs.note_progress(self.job_id, fraction, step, is_told=is_told)

    def _require_wanted(self) -> None:
        if self.stop.is_set():
            msg = "cancelled: nothing was done"
            raise Cancelled(msg)
