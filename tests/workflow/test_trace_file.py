import numpy as np
import pytest

from isoguide.errors import GeometryError, InputError, MissingEvidenceError, UnreadableError
from isoguide.workflow.motion.trace_file import BreathingTrace, read_trace

RECORDING = '"Frame";"Timestamp";"x";"y";"z"\r\n'


@pytest.fixture
def written(tmp_path):
    def write(text: str):
        path = tmp_path / "breath.csv"
        path.write_bytes(text.encode("utf-8"))
        return path

    return write


def test_a_marker_in_space_is_read_with_points_between_commas(written):
    trace = read_trace(written("seconds,x_mm,y_mm,z_mm\n0.0,1.5,-2,3e-1\n0.1,1.6,-2.5,0\n"))
    np.testing.assert_array_equal(trace.seconds, [0.0, 0.1])
    np.testing.assert_array_equal(trace.places_mm, [[1.5, -2.0, 0.3], [1.6, -2.5, 0.0]])
    assert (trace.name, trace.notes) == ("breath", ())
    assert trace.seen.all()


def test_a_signal_along_one_line_is_read_with_decimal_commas_between_semicolons(written):
    trace = read_trace(written("\ufeffseconds;value_mm\n0,0;1,25\n0.1;-3,5\n\n"))
    np.testing.assert_array_equal(trace.seconds, [0.0, 0.1])
    np.testing.assert_array_equal(trace.places_mm, [[1.25], [-3.5]])


def test_what_was_not_seen_stays_missing_and_is_said(written):
    lines = [f"{0.1 * n:.1f},{n}" for n in range(6)] + ["0.6,", "0.7,NaN", "2.0,3"]
    trace = read_trace(written("seconds,value_mm\n" + "\n".join(lines)))
    assert np.flatnonzero(~trace.seen).tolist() == [6, 7]
    assert np.isnan(trace.places_mm[6:8]).all()
    assert trace.notes == ("2 of 9 samples show nothing", "no samples for 1.3 s after 0.7 s")


def test_a_recorded_chest_marker_has_the_times_of_its_frames(written):
    trace = read_trace(written(RECORDING + "0;0;-490,7;4,1;64,7\r\n7;117;-490,8;4,3;64,2\r\n"))
    np.testing.assert_allclose(trace.seconds, [0.0, 7.0 / 60.0])
    np.testing.assert_array_equal(trace.places_mm, [[-490.7, 4.1, 64.7], [-490.8, 4.3, 64.2]])


def test_lines_that_were_filled_in_by_the_publisher_and_the_last_one_of_zeros_do_not_count(written):
    text = "762;12700;1;2;3\n768;25,6;4;5;6\n774;12900;7;8;9\n0;0;0;0;0\n"
    trace = read_trace(written(RECORDING + text))
    np.testing.assert_allclose(trace.seconds, [12.7, 12.8, 12.9])
    np.testing.assert_array_equal(trace.seen, [True, False, True])
    assert trace.notes == (
        "line 5 is all zeros and ends the recording",
        "line 3: frame 768 was taken at 12800 ms and not at 25,6 ms: it counts as not seen",
        "1 of 3 samples show nothing",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seconds,value_mm\n0.0,1\n0.1,12 mm\n", "line 3: value_mm is '12 mm'"),
        ("seconds,value_mm\n0.0,1\n0.1,inf\n", "line 3: value_mm is 'inf'"),
        ("seconds,value_mm\n0.0,1\n0.1,0x10\n", "line 3: value_mm is '0x10'"),
        ('seconds,value_mm\n0.0,1\n0.1,"1,5"\n', "line 3: value_mm is '1,5'"),
        ("seconds;value_mm\n0,0;1.234,5\n", "line 2: value_mm is '1.234,5'"),
        ("seconds,value_mm\n0,0,1,5\n", "line 2: 4 cells where the head line has 2"),
        ("seconds,value_mm\n0.0,1\n\n0.1,2\n", "line 3: 0 cells"),
        ("seconds,value_mm\n0.0,1\n0.0,2\n", "line 3: seconds is '0.0'"),
        ("seconds,value_mm\n0.5,1\n0.4,2\n", "line 3: seconds is '0.4'"),
        ("seconds,value_mm\nnan,1\n0.4,2\n", "line 2: seconds is 'nan'"),
        ("seconds,value_mm\n0.0,1\n", "1 samples"),
        (RECORDING + "7;117;1;2;3\n6;100;1;2;3\n", "line 3: Frame is '6'"),
        (RECORDING + "0;0;0;0;0\n7;117;1;2;3\n0;0;0;0;0\n7;117;1;2;3\n", "line 4: Frame is '0'"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number_and_its_value(written, text, message):
    with pytest.raises(InputError, match=message):
        read_trace(written(text))


@pytest.mark.parametrize(
    "text", ["", "time,mm\n0,1\n1,2\n", "0.0,1\n0.1,2\n", '"Frame","Timestamp","x","y","z"\n', 'seconds,"a\n']
)
def test_a_file_with_another_head_line_is_no_trace(written, text):
    with pytest.raises(UnreadableError, match=r"breathing trace"):
        read_trace(written(text))


def test_a_file_that_is_not_there_or_no_text_is_said(tmp_path):
    with pytest.raises(MissingEvidenceError, match="there is no breathing trace"):
        read_trace(tmp_path / "nothing.csv")
    (tmp_path / "image.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableError, match="not text"):
        read_trace(tmp_path / "image.csv")
    with pytest.raises(UnreadableError, match="cannot read"):
        read_trace(tmp_path)


def test_a_trace_cannot_be_made_of_parts_that_do_not_fit():
    with pytest.raises(GeometryError, match="one or three values"):
        BreathingTrace("trace", np.arange(3.0), np.zeros((3, 2)))
    with pytest.raises(InputError, match="later than the one before"):
        BreathingTrace("trace", np.array([0.0, 0.0]), np.zeros((2, 1)))


def test_the_public_recordings_are_read_whole(shared_data):
    traces = [read_trace(path) for path in sorted(shared_data.glob("pohl-ExtMarker/*/*.csv"))]
    assert len(traces) == 15
    for trace in traces:
        seconds = int(trace.name.split("-")[4])
        assert trace.seconds[-1] == pytest.approx(seconds, abs=1.0), "the name says how long it took"
        assert np.diff(trace.seconds).max() < 0.12
        assert 0 <= (~trace.seen).sum() <= 5
        assert np.nanmax(np.abs(np.diff(trace.places_mm, axis=0))) < 15.0
