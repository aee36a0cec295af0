from dataclasses import replace

import numpy as np
import pytest

from isoguide.errors import InputError
from isoguide.projection.cone_beam import HEAD, PELVIS, THORAX
from isoguide.virtual.room_settings import (
    BeamSettings,
    ConsoleSettings,
    CouchSettings,
    ImagingSettings,
    Latency,
    MachineSettings,
    RoomSettings,
    StereoSettings,
)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (Latency, "median_s", -0.1),
        (Latency, "spread", float("nan")),
        (CouchSettings, "speed_mm_s", 0.0),
        (CouchSettings, "backlash_mm", -0.2),
        (CouchSettings, "read_out_deg", 11.0),
        (CouchSettings, "turntable_axis_mm", (0.0, 50.0)),
        (MachineSettings, "gantry_deg_s", 0.0),
        (MachineSettings, "kv_arm_deg", 270.0),
        (BeamSettings, "dose_rate_mu_min", -600.0),
        (BeamSettings, "heartbeat_s", 0.0),
        (ImagingSettings, "isocentre_offset_mm", (0.0, 0.0, 51.0)),
        (ImagingSettings, "sag_mm", float("inf")),
        (ImagingSettings, "moments", 0),
        (ConsoleSettings, "match_s", -1.0),
        (ConsoleSettings, "decision_s", 4000.0),
        (StereoSettings, "source_detector_mm", 1000.0),
        (StereoSettings, "size", (4, 512)),
        (StereoSettings, "tilt_deg", 90.0),
    ],
)
def test_an_impossible_value_is_refused_by_its_name(kind, name, value):
    with pytest.raises(InputError, match=name):
        kind(**{name: value})


def test_an_unknown_imaging_model_or_patient_position_is_refused_with_the_known_ones():
    with pytest.raises(
        InputError, match="unknown imaging model 'magic': choose one of image-domain, physical"
    ):
        ImagingSettings(model="magic")
    with pytest.raises(InputError, match="'SITTING' is not one of HFS"):
        RoomSettings(patient_position="SITTING")


def test_each_site_is_imaged_with_its_protocol_unless_another_is_chosen():
    presets = {"head-neck": HEAD, "thorax": THORAX, "abdomen": THORAX, "pelvis": PELVIS, None: PELVIS}
    for site, preset in presets.items():
        assert ImagingSettings().for_site(site).protocol == preset
    chosen = replace(HEAD, name="mine", count=90)
    assert ImagingSettings(scan=chosen).for_site("pelvis").protocol == chosen
    assert ImagingSettings().protocol == PELVIS


def test_delays_scatter_around_their_median_and_a_spread_of_zero_is_always_the_same():
    rng = np.random.default_rng(1)
    assert {Latency(0.3).draw_s(rng) for _ in range(5)} == {0.3}
    drawn = np.array([Latency(0.3, 0.5).draw_s(rng) for _ in range(4000)])
    assert np.median(drawn) == pytest.approx(0.3, rel=0.05)
    assert np.log(drawn).std() == pytest.approx(0.5, rel=0.05)
    assert drawn.min() > 0.0


def test_a_room_can_be_changed_device_by_device():
    quick = BeamSettings(dose_rate_mu_min=1400.0)
    changed = RoomSettings().with_changes(beam=quick)
    assert changed.beam == quick
    assert changed.couch == RoomSettings().couch
    with pytest.raises(TypeError):
        RoomSettings().with_changes(proton=1)
