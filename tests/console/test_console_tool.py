"""What the gates of the console's page find, and what they say where there is no Node."""

import os
from pathlib import Path

import pytest

import console


@pytest.mark.parametrize("version", ["v20.19.0", "v20.20.2\n", "v22.12.0", "v24.1.0"])
def test_a_node_that_the_pinned_packages_take_is_accepted(version: str) -> None:
    assert console.node_is_new_enough(version)


@pytest.mark.parametrize("version", ["v18.20.4", "v20.18.3", "v21.7.0", "v22.11.0", "", "twenty"])
def test_an_older_or_odd_node_is_not(version: str) -> None:
    assert not console.node_is_new_enough(version)


def test_a_machine_without_node_gets_one_sentence_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("PATH", "")
    assert console.main(["types"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert "needs Node and npm" in line
    assert "install Node 20.19 or newer" in line


def write(folder: Path, **contents: str) -> Path:
    for name, content in contents.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def test_a_page_of_the_same_bytes_does_not_differ(tmp_path: Path) -> None:
    built = write(tmp_path / "built", index="a", assets__x="b")
    committed = write(tmp_path / "committed", index="a", assets__x="b")
    assert console.differing(built, committed) == []


def test_a_changed_a_missing_and_a_left_over_file_are_named(tmp_path: Path) -> None:
    built = write(tmp_path / "built", index="a", assets__new="b", assets__same="s")
    committed = write(tmp_path / "committed", index="A", assets__old="b", assets__same="s")
    assert console.differing(built, committed) == ["assets/new", "assets/old", "index"]


def test_a_page_that_was_never_built_differs_in_every_file(tmp_path: Path) -> None:
    built = write(tmp_path / "built", index="a")
    assert console.differing(built, tmp_path / "absent") == ["index"]


def test_a_failed_command_names_itself_and_shows_what_it_wrote() -> None:
    with pytest.raises(console.ConsoleError, match=r"'ls no-such-file' failed:\n.*no-such-file"):
        console.run(["ls", "no-such-file"])


def installed_console(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    commands: list[list[str]] = []

    def note(command: list[str], *, folder: Path) -> str:
        commands.append(command)
        (folder / console.INSTALLED).parent.mkdir(exist_ok=True)
        return ""

    monkeypatch.setattr(console, "run", note)
    write(folder, **{"package-lock.json": "{}"})
    console.install(folder)
    return commands


def test_packages_are_installed_once_and_again_when_the_lock_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = installed_console(tmp_path, monkeypatch)
    assert [command[:2] for command in commands] == [["npm", "ci"]]
    console.install(tmp_path)
    assert len(commands) == 1
    os.utime(tmp_path / "package-lock.json", (2e9, 2e9))
    console.install(tmp_path)
    assert len(commands) == 2
