import pytest

from isoguide.workflow.charts import BarChart, Frame, PairChart, Stretch, Timeline, Trace, tick_step


@pytest.mark.parametrize(
    ("largest", "step"), [(10.0, 2.0), (8.0, 2.0), (0.7, 0.2), (24.0, 5.0), (2.5, 0.5), (100.0, 20.0)]
)
def test_ticks_are_round_and_few(largest: float, step: float) -> None:
    assert tick_step(largest) == pytest.approx(step)


def test_values_grow_upwards_and_stay_in_the_frame() -> None:
    frame = Frame(0.0, 10.0, 100.0, 50.0, 0.0, 5.0)
    assert frame.y(0.0) == 60.0
    assert frame.y(5.0) == 10.0
    assert frame.y(99.0) == 10.0
    assert frame.y(-1.0) == 60.0
    assert [frame.x(index, 2) for index in range(2)] == [25.0, 75.0]


def test_a_bar_beyond_the_tolerance_looks_different_and_a_missing_one_is_a_dash() -> None:
    svg = BarChart("Left", "mm", (0.3, 0.9, None), ("1", "2", "3"), "after", tolerance=0.7).svg()
    assert svg.count('class="bar after"') == 1
    assert svg.count('class="bar after over"') == 1
    assert ">–<" in svg
    assert "tolerance 0.7" in svg
    assert "Left (mm)" in svg


def test_many_bars_have_no_numbers() -> None:
    labels = tuple(str(n) for n in range(20))
    assert "middle number" not in BarChart("Left", "mm", (1.0,) * 20, labels, "after").svg()


def test_a_chart_of_nothing_can_be_drawn() -> None:
    assert "<svg" in BarChart("Left", "mm", (None,), ("1",), "after").svg()


def test_a_negative_value_hangs_below_zero_and_has_its_truth_beside_it() -> None:
    svg = PairChart("Lateral", "mm", (-2.0, None), (-2.1, 1.0), ("1", "2")).svg(largest=3.0)
    assert svg.count('class="bar measured"') == 1
    assert svg.count('class="truth"') == 2
    assert "−2" in svg


def test_a_long_stretch_is_named_and_a_short_one_only_on_hovering() -> None:
    row = (Stretch(0.0, 60.0, "image", "image"), Stretch(60.0, 60.5, "match", "match"))
    svg = Timeline((("Fraction <1>", row),)).svg()
    assert svg.count('class="state') == 2
    assert ">image</text>" in svg
    assert ">match</text>" not in svg
    assert "match: 60.0 s to 60.5 s" in svg
    assert "Fraction &lt;1&gt;" in svg


def test_a_trace_shades_the_beam() -> None:
    svg = Trace("Truth", "mm", (0.0, 30.0, 60.0), (5.0, 5.0, 0.2), 0.7, ((40.0, 60.0),)).svg()
    assert svg.count("state beam faint") == 1
    assert "<polyline" in svg
