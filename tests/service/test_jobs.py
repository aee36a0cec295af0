"""Long work: its order, its end whatever happens, how it is cancelled, what is told of it."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from isoguide.errors import InputError, IsoguideError, UnknownNameError
from isoguide.progress import Progress, silent
from isoguide.service.jobs import Job, Jobs, Task
from isoguide.treatment.refusals import RefusedError, StaleImageError

PATIENCE_S = 20.0


class Listener:
    """Remembers what it is told, and waits for a job to end."""

    def __init__(self) -> None:
        self.told: list[Job] = []
        self._news = threading.Condition()

    def __call__(self, job: Job) -> None:
        with self._news:
            self.told.append(job)
            self._news.notify_all()

    def end_of(self, job: Job) -> Job:
        def ended() -> list[Job]:
            return [one for one in self.told if one.job_id == job.job_id and one.is_finished]

        with self._news:
            assert self._news.wait_for(lambda: bool(ended()), PATIENCE_S)
            return ended()[-1]

    def states_of(self, job: Job) -> list[str]:
        return [one.state for one in self.told if one.job_id == job.job_id]


class Held:
    """Work that goes on when the test lets it."""

    def __init__(self, *steps: float) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self._steps = steps or (0.5,)

    def __call__(self, progress: Progress) -> dict[str, object]:
        self.begun.set()
        assert self.go_on.wait(PATIENCE_S)
        for fraction in self._steps:
            progress(fraction, f"at {fraction:g}")
        return {"was": "done"}


class Clock:
    at = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(listener: Listener, clock: Clock) -> Iterator[Jobs]:
    opened = Jobs(listener, lambda error: type(error).__name__, clock, threads=1, kept=3)
    yield opened
    opened.close()


def work(do: Callable[[Progress], object] | None = None, title: str = "work", **said: object) -> Task:
    return Task(title, "anna", do or (lambda progress: None), **said)


def failing(error: BaseException) -> Callable[[Progress], object]:
    def fail(_progress: Progress) -> None:
        raise error

    return fail


def test_work_that_ends_well_says_what_came_of_it(jobs: Jobs, listener: Listener) -> None:
    job = jobs.add(work(lambda progress: {"course_id": "C0001"}))
    ended = listener.end_of(job)
    assert (ended.state, ended.fraction_done, ended.result) == ("done", 1.0, {"course_id": "C0001"})
    assert listener.states_of(job) == ["waiting", "running", "done"]
    assert jobs.get(job.job_id) == ended


def test_what_is_asked_for_first_is_done_first(jobs: Jobs, listener: Listener) -> None:
    held = Held()
    first = jobs.add(work(held))
    order: list[int] = []
    others = [jobs.add(work(lambda progress, number=number: order.append(number))) for number in range(4)]
    held.go_on.set()
    for job in (first, *others):
        listener.end_of(job)
    assert order == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InputError("the image has no date: export it with one"), "InputError"),
        (RefusedError("no"), "RefusedError"),
    ],
)
def test_work_that_is_refused_fails_with_that_sentence(
    jobs: Jobs, listener: Listener, error: IsoguideError, kind: str
) -> None:
    ended = listener.end_of(jobs.add(work(failing(error))))
    assert (ended.state, ended.problem, ended.kind) == ("failed", str(error), kind)


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), SystemExit(3), KeyboardInterrupt()])
def test_a_mistake_ends_its_job_and_no_other(
    jobs: Jobs, listener: Listener, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    ended = listener.end_of(jobs.add(work(failing(error), "the match")))
    assert (ended.state, ended.kind) == ("failed", "mistake")
    assert type(error).__name__ in ended.problem
    assert "the match" in caplog.text
    assert listener.end_of(jobs.add(work())).state == "done"


def test_running_work_that_is_cancelled_stops_at_its_next_step(jobs: Jobs, listener: Listener) -> None:
    held = Held(0.3, 0.6)
    ends: list[bool] = []
    job = jobs.add(work(held, at_end=ends.append))
    assert held.begun.wait(PATIENCE_S)
    assert jobs.cancel(job.job_id).state == "running"
    held.go_on.set()
    assert listener.end_of(job).state == "cancelled"
    assert ends == [False]


def test_work_that_was_done_when_it_was_cancelled_is_done(jobs: Jobs, listener: Listener) -> None:
    held = Held(1.0)  # the step that counts was made, and only its end is reported
    job = jobs.add(work(held))
    assert held.begun.wait(PATIENCE_S)
    jobs.cancel(job.job_id)
    held.go_on.set()
    assert listener.end_of(job).state == "done"


def test_waiting_work_that_is_cancelled_never_begins(jobs: Jobs, listener: Listener) -> None:
    held, other, ends = Held(), Held(), []
    first = jobs.add(work(held))
    second = jobs.add(work(other, at_end=ends.append))
    assert jobs.cancel(second.job_id).state == "cancelled"
    held.go_on.set()
    assert listener.end_of(first).state == "done"
    assert listener.end_of(jobs.add(work())).state == "done"
    assert not other.begun.is_set()
    assert (ends, listener.states_of(second)) == ([False], ["waiting", "cancelled"])


def test_what_is_finished_cannot_be_cancelled(jobs: Jobs, listener: Listener) -> None:
    job = listener.end_of(jobs.add(work(title="the match")))
    with pytest.raises(InputError, match="'the match' is done already"):
        jobs.cancel(job.job_id)
    with pytest.raises(UnknownNameError, match="there is no such job"):
        jobs.cancel("0")


def test_a_course_has_one_job_at_a_time(jobs: Jobs, listener: Listener) -> None:
    held = Held()
    job = jobs.add(work(held, "image", course_id="C0001"))
    with pytest.raises(RefusedError, match="'image' of course C0001 is under way"):
        jobs.add(work(course_id="C0001"))
    other = jobs.add(work(course_id="C0002"))
    held.go_on.set()
    listener.end_of(job)
    listener.end_of(other)
    assert listener.end_of(jobs.add(work(course_id="C0001"))).state == "done"


def test_an_assessment_keeps_no_course_from_its_next_step(jobs: Jobs, listener: Listener) -> None:
    held = Held()
    job = jobs.add(work(held, "anatomy", course_id="C0001", assesses="1.2"))
    image = jobs.add(work(title="image", course_id="C0001"))
    with pytest.raises(RefusedError, match="'anatomy' of course C0001 is under way"):
        jobs.add(work(course_id="C0002", assesses="1.3"))
    held.go_on.set()
    assert listener.end_of(job).assesses == "1.2"
    assert listener.end_of(image).state == "done"
    assert listener.end_of(jobs.add(work(course_id="C0002", assesses="1.3"))).state == "done"


def test_an_exposure_that_waited_too_long_is_not_made(jobs: Jobs, listener: Listener, clock: Clock) -> None:
    held, exposure, ends = Held(), Held(), []
    jobs.add(work(held))
    job = jobs.add(work(exposure, "image", begin_within=timedelta(seconds=5), at_end=ends.append))
    clock.at += timedelta(seconds=6)
    held.go_on.set()
    ended = listener.end_of(job)
    assert (ended.state, ended.kind, ends) == ("failed", "RefusedError", [False])
    assert "waited 6 s for other work, so it was not begun" in ended.problem
    assert not exposure.begun.is_set()


def test_progress_is_told_ten_times_a_second_at_most(jobs: Jobs, listener: Listener) -> None:
    def quick(progress: Progress) -> None:
        for number in range(1000):
            progress(number / 1000.0, "counting")

    job = jobs.add(work(quick))
    listener.end_of(job)
    told = listener.states_of(job).count("running")
    assert 2 <= told < 100


def test_progress_beyond_its_range_is_cut(jobs: Jobs, listener: Listener) -> None:
    job = jobs.add(work(lambda progress: progress(7.0, "too far")))
    listener.end_of(job)
    assert all(0.0 <= one.fraction_done <= 1.0 for one in listener.told)


def test_only_the_newest_finished_jobs_are_remembered(jobs: Jobs, listener: Listener) -> None:
    ended = [listener.end_of(jobs.add(work(title=str(number)))) for number in range(5)]
    listener.end_of(jobs.add(work(title="last")))
    assert [job.title for job in jobs.all()] == ["last", "4", "3"]
    with pytest.raises(UnknownNameError):
        jobs.get(ended[0].job_id)


def test_a_listener_or_an_end_that_fails_loses_no_job(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()

    def deaf(_job: Job) -> None:
        raise StaleImageError("deaf")

    def bad_end(_was_done: bool) -> None:
        done.set()
        raise OSError("the disk is gone")

    opened = Jobs(deaf, str, clock, threads=1)
    job = opened.add(work(at_end=bad_end))
    assert done.wait(PATIENCE_S)
    opened.close()
    assert opened.get(job.job_id).state == "done"
    assert "was not told" in caplog.text
    assert "the end of job 'work' failed" in caplog.text


def test_at_shutdown_everything_is_cancelled_and_nothing_begins(listener: Listener, clock: Clock) -> None:
    opened = Jobs(listener, str, clock, threads=1)
    held = Held()
    running, waiting = opened.add(work(held)), opened.add(work())
    assert held.begun.wait(PATIENCE_S)
    closing = threading.Thread(target=opened.close)
    closing.start()
    assert listener.end_of(waiting).state == "cancelled"
    held.go_on.set()
    closing.join(PATIENCE_S)
    assert listener.end_of(running).state == "cancelled"
    with pytest.raises(RefusedError, match="the service ends"):
        opened.add(work(silent_work))


def silent_work(progress: Progress) -> None:
    silent(1.0, "")
    progress(1.0, "")
