"""``isoguide monitor`` as a shell sees it."""

import json
from pathlib import Path

import pytest
from motion_recordings import START, at, decision, header, sample

from isoguide.motion.gating import GateState
from isoguide.workflow.motion.recording import RecordingWriter


def recorded(path: Path, last: GateState = GateState.BEAM_ON) -> Path:
    with RecordingWriter(path, header()) as writer:
        writer.arm(START)
        for number in range(1, 41):
            seconds = 0.1 * number
            writer.sighting(sample(seconds, number), at(seconds + 0.05))
            writer.decision(decision(seconds + 0.05, GateState.BEAM_ON, probability=0.95))
        writer.decision(decision(4.2, last, "" if last is GateState.BEAM_ON else "no beam for 15 s: away"))
    return path


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return recorded(tmp_path / "fraction-4.jsonl")


def test_what_happened_is_told_in_figures_with_the_place_of_the_report(isoguide, recording, tmp_path) -> None:
    out = tmp_path / "out"
    ending = isoguide("monitor", recording, "--out", out)
    assert ending.code == 0, ending.err
    assert "P1 · fraction 4" in ending.out
    assert "Duty cycle" in ending.out
    assert "never held" in ending.out
    assert f"Results: {out}" in ending.out.replace("\n", "")
    assert (out / "report.html").exists()


def test_a_gate_that_asked_to_align_anew_lets_somebody_look(isoguide, tmp_path) -> None:
    ending = isoguide(
        "monitor", recorded(tmp_path / "away.jsonl", GateState.REALIGN), "--out", tmp_path / "out"
    )
    assert ending.code == 1
    assert "asked to align anew: no beam for 15 s: away" in ending.out.replace("\n", "")


def test_the_document_is_printed_alone(isoguide, recording, tmp_path) -> None:
    ending = isoguide("monitor", recording, "--out", tmp_path / "out", "--json")
    document = json.loads(ending.out)
    assert (document["patient_id"], document["figures"]["frames"]) == ("P1", 40)


def test_quiet_says_nothing(isoguide, recording, tmp_path) -> None:
    ending = isoguide("monitor", recording, "--out", tmp_path / "out", "--quiet")
    assert (ending.code, ending.out, ending.err) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--gate", "-1"), "gate_mm must be a positive number, not -1"),
        (("--gate", "2", "--longest-latency", "0.9"), "longest_latency_s is 0.9: TG-76 allows 0.5"),
        (("--least-probability", "0.9"), "settled_probability must lie between"),
        (("--protocol", "lungs"), "there is no file lungs and no protocol of this name"),
        (("--protocol", "breast"), "does not ask for monitoring"),
        (("--markers", "seeds"), "--markers needs what was implanted"),
        (("--planning", "plan"), "holds no images, so --planning means nothing"),
        (("--isocentre", "1,2"), "--isocentre needs three numbers"),
        (("--patient-position", "SITTING"), "--patient-position needs one of"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(isoguide, recording, tmp_path, arguments, words) -> None:
    ending = isoguide("monitor", recording, "--out", tmp_path / "out", *arguments)
    assert ending.code == 2
    assert words in ending.err
    assert ending.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("damaged.jsonl", b'{"kind":\n', "is no recording of a target"),
        ("damaged.csv", b"a,b\n1,2\n", "a breathing trace begins with"),
        ("damaged.json", b"{", "is not valid JSON"),
        ("notes.txt", b"", "is no recording"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_and_leaves_nothing(
    isoguide, patient, tmp_path, name, content, words
) -> None:
    source = tmp_path / name
    source.write_bytes(content)
    images = ("--planning", patient.planning, "--markers", "seed:4:5x1") if name.endswith(".json") else ()
    ending = isoguide("monitor", source, "--gate", 3, "--out", tmp_path / "out", *images)
    assert ending.code == 2
    assert words in ending.err
    assert ending.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_help_has_an_example_of_each_source(isoguide) -> None:
    said = " ".join(isoguide("monitor", "--help").out.split())
    for example in ("--gate 2", "trace.csv", "--markers seed:4:5x1", "--protocol my-lung.toml"):
        assert example in said
