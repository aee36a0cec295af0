"""Markers followed through images on a disk: where they are, when they vanish, and what cannot be used."""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import SimpleITK
from radiograph_files import section, write_image

sys.path.append(str(Path(__file__).parents[1] / "registration"))

from marker_images import AXES, PLANNED, SEEDS, kv_view, radiograph, seeds_in_ct

from isoguide.errors import InputError, MissingEvidenceError
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.sample import TargetSample, Unseen
from isoguide.plan import PatientPosition
from isoguide.workflow.motion.image_frames import SCHEMA_FILE, frames_schema_text
from isoguide.workflow.motion.monitor import GateChoice, MonitorRequest, monitor
from isoguide.workflow.motion.track_images import watch_images
from isoguide.workflow.request import AlignRequest, RadiographChoice

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FOUR = replace(SEEDS, count=4)
CENTRES = np.array([marker.position_mm for marker in PLANNED])
HFS = fixed_from_planning(PatientPosition.HFS, np.zeros(3))
MOVED_MM = np.array([1.5, -1.0, 2.0])
"""Lateral, longitudinal, vertical: where the target lies, IEC fixed."""
SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / SCHEMA_FILE
COUNT = 24


def save_ct(path: Path) -> Path:
    volume = seeds_in_ct(CENTRES, AXES, np.random.default_rng(1))
    image = SimpleITK.GetImageFromArray(np.asarray(volume.values))
    image.SetSpacing([float(mm) for mm in volume.grid.spacing_mm])
    image.SetOrigin([float(mm) for mm in volume.grid.origin_mm])
    SimpleITK.WriteImage(image, str(path))
    return path


@pytest.fixture(scope="module")
def exposed(tmp_path_factory) -> Path:
    """A quarter turn of the arm about a target that lies off by MOVED_MM; the planning CT beside it."""
    folder = tmp_path_factory.mktemp("frames")
    save_ct(folder / "plan.nrrd")
    entries = []
    fixed_mm = HFS.apply(CENTRES) + MOVED_MM
    axes = AXES @ HFS.rotation.T
    for n in range(COUNT):
        view = kv_view(90.0 * n / (COUNT - 1))
        image = radiograph(view, fixed_mm, axes, np.random.default_rng(n))
        write_image(folder / f"{n}.nrrd", np.asarray(image.values))
        at = START + timedelta(seconds=0.2 * n)
        entries.append({"file": f"{n}.nrrd", "at": at.isoformat(), **section(view.in_frame(HFS.inverse()))})
    write_frames(folder / "frames.json", entries)
    return folder


@pytest.fixture(scope="module")
def followed(exposed: Path):
    return watched(exposed, exposed / "frames.json")


def write_frames(path: Path, entries: list[dict], **top) -> Path:
    path.write_text(json.dumps({"frames": entries, **top}), encoding="utf-8")
    return path


def entries_of(folder: Path) -> list[dict]:
    return json.loads((folder / "frames.json").read_text(encoding="utf-8"))["frames"]


def watched(folder: Path, frames: Path, declared=FOUR):
    request = AlignRequest(
        folder / "plan.nrrd", frames, isocentre_mm=(0.0, 0.0, 0.0), patient_position=PatientPosition.HFS
    )
    return watch_images(request, declared, GateSettings(3.0), now=START)


class TestTracking:
    def test_seeds_are_followed_to_where_the_target_lies_in_the_room(self, followed) -> None:
        recording, notes = followed
        samples = [one.seen for one in recording.sightings]
        assert all(isinstance(one, TargetSample) for one in samples)
        last = samples[-1]
        np.testing.assert_allclose(last.position_mm, MOVED_MM, atol=0.4)
        assert [one.number for one in samples] == list(range(1, COUNT + 1))
        assert recording.header.planned_mm.shape == (4, 3)
        assert "planning CT" in notes[0]

    def test_a_frame_arrives_after_it_was_looked_at_and_none_before_the_one_before(self, followed) -> None:
        recording, _ = followed
        came = [one.taken_at for one in recording.sightings]
        assert came == sorted(came)
        assert all(one.taken_at > one.seen.at for one in recording.sightings)

    def test_a_repeated_and_a_blank_image_show_nothing(self, exposed: Path, tmp_path: Path) -> None:
        entries = entries_of(exposed)[:8]
        for entry in entries:
            entry["file"] = str(exposed / entry["file"])
        write_image(tmp_path / "blank.nrrd", np.full((256, 256), 3.0, dtype=np.float32))
        entries[5]["file"] = str(tmp_path / "blank.nrrd")
        entries[3]["file"] = entries[2]["file"]
        recording, _ = watched(exposed, write_frames(tmp_path / "frames.json", entries))
        repeated, blank = recording.sightings[3].seen, recording.sightings[5].seen
        assert isinstance(repeated, Unseen)
        assert "the same as the one before" in repeated.reason
        assert isinstance(blank, Unseen)
        assert "blank" in blank.reason

    def test_the_report_holds_because_frames_come_in_the_wrong_order(
        self, exposed: Path, tmp_path: Path
    ) -> None:
        entries = entries_of(exposed)
        for entry in entries:
            entry["file"] = str(exposed / entry["file"])
        entries[15]["at"], entries[16]["at"] = entries[16]["at"], entries[15]["at"]
        request = MonitorRequest(
            write_frames(tmp_path / "frames.json", entries),
            GateChoice(changes={"gate_mm": 5.0}),
            planning=exposed / "plan.nrrd",
            isocentre_mm=(0.0, 0.0, 0.0),
            patient_position=PatientPosition.HFS,
            markers=FOUR,
        )
        done = monitor(request, tmp_path / "out")
        assert done.somebody_has_to_look
        stopped = next(hold for hold in done.figures.holds if hold.state == "stopped")
        assert "contradict" in stopped.reason
        assert "contradict" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


class TestPairs:
    def test_show_where_the_target_lies_and_miss_it_when_one_image_of_a_pair_is_lost(
        self, exposed: Path
    ) -> None:
        """Four pairs of the first and the last side; of the third pair only one image came."""
        entries = entries_of(exposed)
        sides = [(entries[n], entries[COUNT - 4 + n]) for n in range(4)]
        pairs = []
        for n, both in enumerate(sides):
            at = (START + timedelta(seconds=0.2 * n)).isoformat()
            # The number of a pair is that of its first image.
            pairs += [{**one, "at": at, "number": n + 1} for one in both[: 1 if n == 2 else 2]]
        recording, _ = watched(exposed, write_frames(exposed / "pairs.json", pairs))
        seen = [one.seen for one in recording.sightings]
        assert [one.number for one in seen] == [1, 2, 3, 4]
        assert recording.header.device == "implanted markers in stereoscopic pairs of radiographs"
        assert isinstance(seen[2], Unseen)
        assert seen[2].reason == "only one image of the pair came"
        for one in (seen[0], seen[1], seen[3]):
            assert isinstance(one, TargetSample)
            np.testing.assert_allclose(one.position_mm, MOVED_MM, atol=0.4)


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "error", "said"),
        [
            ({"at": "2026-03-02T09:00:00"}, InputError, r"frames\[3\]\.at"),
            ({"file": "absent.nrrd"}, MissingEvidenceError, "frame 3: there is no file"),
            ({"size": [10, 10]}, InputError, "has 256 columns and 256 rows"),
            ({"row_direction": [1, 1, 0]}, InputError, "frame 3: row_direction and column_direction"),
            ({"speed": 1}, InputError, r"frames\[3\]\.speed is not a key"),
        ],
    )
    def test_an_entry_that_cannot_be_is_named(self, exposed: Path, change, error, said: str) -> None:
        entries = entries_of(exposed)
        entries[2] = {**entries[2], **change}
        with pytest.raises(error, match=said):
            watched(exposed, write_frames(exposed / "wrong.json", entries))

    def test_three_images_at_one_time_are_neither_one_imager_nor_a_pair(self, exposed: Path) -> None:
        entries = entries_of(exposed)
        entries[3]["at"] = entries[4]["at"] = entries[2]["at"]
        with pytest.raises(InputError, match="exposed together with two more images"):
            watched(exposed, write_frames(exposed / "three.json", entries))

    def test_markers_have_to_be_declared(self, exposed: Path) -> None:
        with pytest.raises(MissingEvidenceError, match="give --markers such as seed:4:5x1"):
            watched(exposed, exposed / "frames.json", None)

    def test_a_folder_without_radiographs_is_refused(self, exposed: Path, tmp_path: Path) -> None:
        with pytest.raises(MissingEvidenceError, match="holds no radiograph"):
            watched(exposed, tmp_path)

    def test_an_imager_file_beside_a_frames_file_is_refused(self, exposed: Path) -> None:
        request = AlignRequest(
            exposed / "plan.nrrd",
            exposed / "frames.json",
            isocentre_mm=(0.0, 0.0, 0.0),
            patient_position=PatientPosition.HFS,
            radiographs=RadiographChoice(source_from_gantry_deg=90.0),
        )
        with pytest.raises(InputError, match="states its geometry itself"):
            watch_images(request, FOUR, GateSettings(3.0), now=START)

    def test_without_a_planning_side_or_a_gate_nothing_is_monitored(
        self, exposed: Path, tmp_path: Path
    ) -> None:
        frames = exposed / "frames.json"
        with pytest.raises(MissingEvidenceError, match="give the export with --planning"):
            monitor(MonitorRequest(frames, GateChoice(changes={"gate_mm": 3.0})), tmp_path / "out")
        with pytest.raises(MissingEvidenceError, match="nothing says how wide the gate is"):
            monitor(MonitorRequest(frames, GateChoice()), tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_the_published_schema_is_that_of_the_models(exposed: Path) -> None:
    assert SCHEMA.read_text(encoding="utf-8") == frames_schema_text()
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads((exposed / "frames.json").read_text()))
