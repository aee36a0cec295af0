"""The virtual room treats under a gate: its devices see the target, and beam passes by what they see."""

from collections.abc import Iterator

import numpy as np
import pytest
from connected_department import (
    COURSE,
    ConnectedDepartment,
    OpenRoom,
    events_of,
    planned_mu,
    recorded_mu,
    station_file,
)
from scripted_gate import InThisProcess, move_patient
from test_room_gate import GATED

from isoguide.errors import LinkLostError
from isoguide.motion.gating import GateState
from isoguide.motion.sample import TargetSample
from isoguide.treatment import State
from isoguide.workflow.scenario import SetUpSection


@pytest.fixture
def d(open_room: OpenRoom) -> Iterator[ConnectedDepartment]:
    lies_as_planned = station_file(set_up=SetUpSection(fixed_mm=(0.0, 0.0, 0.0)))
    with open_room(file=lies_as_planned, protocol=GATED, gates=InThisProcess()) as department:
        yield department


def test_beam_passes_while_the_target_is_seen_in_the_gate_and_waits_while_it_is_not(
    d: ConnectedDepartment,
) -> None:
    d.irradiate(15.0)
    shown = d.drive.state()
    assert (shown.beam, shown.is_in_gate) == ("on", True)
    assert isinstance(shown.sighting, TargetSample)
    assert np.linalg.norm(shown.sighting.position_mm) < 2.0
    move_patient(d.station._room, (0.0, 0.0, -9.0))
    d.run(2.0)
    shown = d.drive.state()
    assert (shown.beam, shown.is_in_gate, shown.gate.decision.state) == ("waiting", False, "hold")
    # He has sunk by 9 mm, seen to some tenths of a millimetre.
    assert shown.sighting.position_mm == pytest.approx([0.0, 0.0, -9.0], abs=1.5)
    move_patient(d.station._room, (0.0, 0.0, 0.0))
    d.run(4.0)
    assert d.drive.state().beam == "on"
    d.run(1000.0)
    assert d.drive.desk.status(COURSE).state is State.CLOSED
    assert recorded_mu(d) == pytest.approx(planned_mu(d), abs=0.5)
    assert "hold" not in events_of(d)


def test_a_target_that_stays_away_is_to_be_aligned_anew_from_where_it_is(d: ConnectedDepartment) -> None:
    d.irradiate(15.0)
    assert d.drive.state().beam == "on"
    for share in np.linspace(0.0, 1.0, 21)[1:]:
        move_patient(d.station._room, (5.0 * share, 0.0, -4.0 * share))
        d.run(0.5)
    d.run(30.0)
    shown = d.drive.state()
    assert (shown.state, shown.gate.decision.state) == ("held", GateState.REALIGN)
    assert shown.gate.decision.proposal_mm == pytest.approx([5.0, 0.0, -4.0], abs=0.7)
    assert d.is_off


def test_a_patient_who_is_laid_down_anew_is_not_watched_by_what_watched_him_before(
    d: ConnectedDepartment,
) -> None:
    d.begin("fraction of NAL")
    d.drive.set_up(by="anna")
    protocol = d.drive.desk.status(COURSE).opened.protocol
    watch = d.station.watch(protocol.monitoring)
    watch.start()
    d.station.place_patient(COURSE, 1)
    with pytest.raises(LinkLostError, match="laid down anew"):
        watch.take(d.clock.now())
