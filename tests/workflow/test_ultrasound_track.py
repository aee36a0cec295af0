"""Structures followed through a recording: files in, page and lines out, and what is refused."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from isoguide.cli.app import app
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.geometry.frames import FIXED, PROBE, TRACKER, ULTRASOUND_IMAGE
from isoguide.geometry.probe_calibration import ProbeCalibration
from isoguide.geometry.probe_chain import UncertainPose
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_frames import TrackedFrames, UltrasoundFrames
from isoguide.virtual.ultrasound_losses import PERIOD_S
from isoguide.virtual.ultrasound_sequence import MovingTissue, UltrasoundSequence
from isoguide.volume_files.tracked_sequence import write_tracked_frames
from isoguide.workflow.motion.recording import Recording
from isoguide.workflow.ultrasound.probe_file import document_of, write_probe_file
from isoguide.workflow.ultrasound.track import UltrasoundTrackRequest, track_ultrasound
from isoguide.workflow.ultrasound.track_files import track_into

FRAMES = 5
TAKEN = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
DEPTH_MM = 95.0
EMPTY = 40
"""Grey value of the screen about the fan."""
EDGE = 20
RUNNER = CliRunner()


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Pictures of a scanner's screen while tissue moves 4 mm/s to the right, and where a target is."""
    folder = tmp_path_factory.mktemp("screen")
    sequence = UltrasoundSequence(MovingTissue(lambda seconds: np.array([4.0, 0.0, 0.0]) * seconds))
    rng = np.random.default_rng(1)
    for number in range(FRAMES):
        image = sequence.image(number * PERIOD_S, rng)
        screen = np.full(np.array(image.values.shape) + 2 * EDGE, EMPTY, dtype=np.uint8)
        inner = screen[EDGE:-EDGE, EDGE:-EDGE]
        inner[image.in_fan] = image.values[image.in_fan]
        Image.fromarray(screen).save(folder / f"frame{number:03d}.png")
    place = (sequence.truth_mm(0.0)[0, :2] - image.corner_mm) / np.array(image.pixel_spacing_mm) + EDGE
    return folder, (float(place[0]), float(place[1]))


def asked(recording, **changes):
    folder, target = recording
    return UltrasoundTrackRequest(folder, (target,), **{"depth_mm": DEPTH_MM, "rate_per_s": 10.0, **changes})


def test_tissue_that_moves_4_mm_a_second_to_the_right_is_followed_and_comes_back(recording, tmp_path):
    track = track_into(tmp_path / "track", asked(recording), overwrite=False)
    expected = 4.0 * PERIOD_S * np.arange(FRAMES)
    np.testing.assert_allclose(track.moved_mm[:, 0, 0], expected, atol=0.3)
    assert track.back_mm[0] < 0.5
    assert not track.is_doubtful
    lines = [json.loads(line) for line in (tmp_path / "track" / "frames.jsonl").read_text().splitlines()]
    assert lines[0]["format"] == "isoguide-ultrasound-track-1"
    assert [line["number"] for line in lines[1:]] == [1, 2, 3, 4, 5]
    assert lines[3]["at_s"] == pytest.approx(0.2)
    assert lines[3]["structures"][0]["moved_mm"][0] == pytest.approx(0.8, abs=0.3)
    result = json.loads((tmp_path / "track" / "result.json").read_text())
    assert result["structures"][0]["frames_seen"] == FRAMES
    assert result["has_place_in_room"] is False
    page = (tmp_path / "track" / "report.html").read_text()
    assert "without a place in the room" in page
    assert "mm from the start" in page


def test_a_frame_that_is_repeated_is_a_loss_in_the_page(recording, tmp_path):
    folder, target = recording
    frozen = tmp_path / "frozen"
    frozen.mkdir()
    for number, source in enumerate((0, 1, 1, 2, 3)):
        picture = folder / f"frame{source:03d}.png"
        (frozen / f"frame{number:03d}.png").write_bytes(picture.read_bytes())
    request = UltrasoundTrackRequest(frozen, (target,), depth_mm=DEPTH_MM, back=False)
    track = track_into(tmp_path / "track", request, overwrite=False)
    assert track.losses(0)[0][:2] == (3, 3)
    assert track.at_s is None
    page = (tmp_path / "track" / "report.html").read_text()
    assert "the image is the one before" in page
    assert "frames are counted" in page


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"depth_mm": None}, "does not say how large its pixels are"),
        ({"targets_px": ((3.0, 3.0),)}, "lies outside the fan of the first frame"),
        ({"targets_px": ()}, "give 1 to 20 structures"),
        ({"rate_per_s": -1.0}, "--rate has to be positive"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_a_sentence(recording, changes, sentence):
    folder, target = recording
    values = {"targets_px": (target,), "depth_mm": DEPTH_MM, **changes}
    with pytest.raises(InputError, match=sentence):
        track_ultrasound(UltrasoundTrackRequest(folder, **values))


def test_a_probe_file_needs_the_time_and_a_tracked_sequence(recording, tmp_path):
    with pytest.raises(MissingEvidenceError, match="give --taken"):
        asked(recording, probe=tmp_path / "probe.json")
    with pytest.raises(InputError, match="has no tracking"):
        track_ultrasound(asked(recording, probe=tmp_path / "probe.json", taken_at=TAKEN))


def write_room(folder, target, tmp_path):
    """Write the same pictures as a tracked sequence of a probe at rest, and the probe file that places it."""
    pixels = np.stack([np.array(Image.open(path)) for path in sorted(folder.iterdir())])
    tracker_from_probe = RigidTransform.from_parts(TRACKER, PROBE, np.eye(3), np.array([10.0, 20.0, 900.0]))
    frames = UltrasoundFrames(pixels, PERIOD_S * np.arange(FRAMES), None, "liver.igs.mha")
    write_tracked_frames(tmp_path / "liver.igs.mha", TrackedFrames(frames, (tracker_from_probe,) * FRAMES))
    # The target lies 52 mm below the middle of the face.
    face_px = np.array([target[0], target[1] - 52.0 / 0.4])
    calibration = ProbeCalibration(
        RigidTransform(PROBE, ULTRASOUND_IMAGE, np.eye(4)), (0.4, 0.4), face_px, 0.01 * np.eye(6), 0.3, 20
    )
    # Columns grow along the room's +x.
    place = UncertainPose(RigidTransform(FIXED, TRACKER, np.eye(4)), np.zeros(3), 1e-6 * np.eye(6))
    document = document_of(
        calibration,
        name="C5-2",
        size=(pixels.shape[2], pixels.shape[1]),
        calibrated_at=TAKEN.replace(tzinfo=None),
        place=place,
    )
    return tmp_path / "liver.igs.mha", write_probe_file(document, tmp_path / "probe.json")


def test_a_tracked_probe_says_how_far_the_target_went_in_the_room(recording, tmp_path):
    folder, target = recording
    path, probe = write_room(folder, target, tmp_path)
    request = UltrasoundTrackRequest(path, (target,), probe=probe, taken_at=TAKEN, back=False)
    track_into(tmp_path / "track", request, overwrite=False)
    seen = [one.seen for one in Recording.read(tmp_path / "track" / "recording.jsonl").sightings]
    assert [one.number for one in seen] == [2, 3, 4, 5]
    np.testing.assert_allclose([one.position_mm[0] for one in seen], [0.4, 0.8, 1.2, 1.6], atol=0.3)
    # Across the image nothing is known; along it a turn of 0.1 rad moves a place 52 mm deep by 5 mm.
    sigma_mm = np.sqrt(np.diag(seen[0].covariance_mm2))
    assert sigma_mm[2] >= 1000.0
    assert sigma_mm[0] == pytest.approx(5.2, abs=0.3)
    result = json.loads((tmp_path / "track" / "result.json").read_text())
    assert result["has_place_in_room"] is True


def test_the_command_line_prints_the_path_and_leaves_nothing_behind_on_bad_input(recording, tmp_path):
    folder, (column, row) = recording
    common = ["ultrasound", "track", str(folder), "--depth", f"{DEPTH_MM}", "--no-back"]
    done = RUNNER.invoke(app, [*common, "--target", f"{column},{row}", "--out", str(tmp_path / "a")])
    assert done.exit_code == 0, done.output
    assert f"{FRAMES} of {FRAMES}" in done.output
    refused = RUNNER.invoke(app, [*common, "--target", "here", "--out", str(tmp_path / "b")])
    assert refused.exit_code == 2
    assert "'here' is no pixel" in refused.output
    assert not (tmp_path / "b").exists()


def test_a_real_abdomen_is_followed_there_and_back_to_within_1_5_mm(shared_data):
    folder = shared_data / "VideoTracking" / "dataset" / "sample2" / "images"
    if not folder.is_dir():
        pytest.skip("the abdominal sequence is absent")
    # The edge of the kidney, its sinus, and a layer of the abdominal wall.
    request = UltrasoundTrackRequest(folder, ((640.0, 222.0), (612.0, 365.0), (550.0, 130.0)), depth_mm=150.0)
    track = track_ultrasound(request)
    assert track.seen.all()
    assert np.ptp(track.moved_mm[:, 1, 0]) > 5.0, "the kidney moves with the breath"
    assert (track.back_mm <= 1.5).all()
