"""A computer that fails in the middle of whatever it does keeps what it acknowledged, and nothing half."""

from pathlib import Path

from kill_campaign import Campaign, Findings, Nursery, Outcome
from kill_worker import make_place

from isoguide.records import Place

KILLS = 25


def test_a_program_killed_at_any_moment_loses_nothing_it_was_told_is_kept(tmp_path: Path) -> None:
    place = Place.embedded(tmp_path)
    make_place(place)
    outcome = Outcome()
    with Nursery() as nursery:
        campaign = Campaign(place, nursery, 1, outcome)
        for _ in range(KILLS):
            campaign.strike(tmp_path / "said")
            assert outcome.findings == Findings()
    assert outcome.kills == KILLS
    assert outcome.acknowledged > KILLS
