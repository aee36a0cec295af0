"""How a command replies: a table, one JSON document or a folder, and nothing that was not asked for."""

from pathlib import Path

import pytest
import typer

from isoguide.cli.endings import Reply
from isoguide.progress import Progress


def answered(reply: Reply, asked: list[object]) -> str:
    def into(request: str, target: Path, *, overwrite: bool, progress: Progress) -> str:
        asked.append((target, overwrite, progress is not None))
        return request

    return reply.give(
        "the answer",
        lambda request, _: request,
        into,
        text=lambda one: f'"{one}"\n',
        show=typer.echo,
    )


@pytest.mark.parametrize(
    ("reply", "printed", "asked"),
    [
        (Reply(None), "the answer\n", []),
        (Reply(None, quiet=True), "", []),
        (Reply(None, as_json=True, quiet=True), '"the answer"\n', []),
        (Reply(Path("out"), overwrite=True), "the answer\nResults: out\n", [(Path("out"), True, True)]),
        (Reply(Path("out"), as_json=True), '"the answer"\n', [(Path("out"), False, True)]),
    ],
)
def test_an_answer_is_given_once_and_as_it_was_asked(
    capsys: pytest.CaptureFixture[str], reply: Reply, printed: str, asked: list[object]
) -> None:
    seen: list[object] = []
    assert answered(reply, seen) == "the answer"
    assert (capsys.readouterr().out, seen) == (printed, asked)
