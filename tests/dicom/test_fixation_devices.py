"""What holds the patient, and its place on the couch, travel with the plan."""

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from dicom_validation import dciodvfy_errors, standard_violations
from written_objects import Pair, some_plan, write_pair

from isoguide.dicom import SeriesUids, read_plan, write_plan
from isoguide.plan import PatientSetup, SetupDevice
from isoguide.virtual.treatment_plan import SITE_SETTINGS

MASK = SetupDevice("MASK", "Mask 5 points", "H2", "thermoplastic, head to shoulders")
TOP = SetupDevice("COUCH_TOP", "Carbon top")
LASER = SetupDevice("LASER_POINTER", "Room lasers", description="green")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return write_pair(tmp_path_factory.mktemp("pair"))


def written(folder: Path, pair: Pair, *fixation: SetupDevice) -> Path:
    plan = some_plan(SeriesUids.from_seed("test planning"), "2.25.2718")
    setup = PatientSetup(1, fixation=fixation, devices=(LASER,))
    return write_plan(folder / "rp.dcm", replace(plan, setups=(setup,)), image=pair.planning).path


def test_a_mask_is_written_with_its_label_its_description_and_its_index(tmp_path: Path, pair: Pair) -> None:
    # PS3.3 C.8.8.12: (300A,0192) type, (300A,0194) label, (300A,0196) description, (300A,0198) position.
    setup = pydicom.dcmread(written(tmp_path, pair, MASK, TOP)).PatientSetupSequence[0]
    mask, top = setup.FixationDeviceSequence
    assert mask[0x300A, 0x0192].value == "MASK"
    assert mask[0x300A, 0x0194].value == "Mask 5 points"
    assert mask[0x300A, 0x0196].value == "thermoplastic, head to shoulders"
    assert mask[0x300A, 0x0198].value == "H2"
    assert "FixationDevicePosition" not in top
    assert "FixationDeviceDescription" not in top
    (laser,) = setup.SetupDeviceSequence
    assert laser.SetupDeviceDescription == "green"
    assert "FixationDevicePosition" not in laser


def test_the_reading_side_finds_the_same_devices(tmp_path: Path, pair: Pair) -> None:
    (setup,) = read_plan(written(tmp_path, pair, MASK, TOP)).setups
    assert setup.fixation == (MASK, TOP)
    assert setup.devices == (LASER,)


def test_an_index_longer_than_its_attribute_is_cut_and_not_lost(tmp_path: Path, pair: Pair) -> None:
    long = replace(MASK, position="between H2 and H3, left")
    (setup,) = read_plan(written(tmp_path, pair, long)).setups
    assert setup.fixation[0].position == "between H2 and H"


@pytest.mark.parametrize("site", SITE_SETTINGS)
def test_a_virtual_plan_says_what_the_patient_lies_on_and_where_it_is_locked(site: str) -> None:
    fixation = SITE_SETTINGS[site].fixation
    assert [one.kind for one in fixation].count("COUCH_TOP") == 1
    assert len(fixation) >= 2
    for device in fixation:
        assert device.position
        assert len(device.kind) <= 16
        assert len(device.label) <= 16


@pytest.mark.parametrize("site", SITE_SETTINGS)
def test_other_programs_accept_a_plan_with_the_devices_of_every_site(
    tmp_path: Path, pair: Pair, site: str
) -> None:
    path = written(tmp_path, pair, *SITE_SETTINGS[site].fixation)
    assert standard_violations(path) == []
    assert dciodvfy_errors(path) == []
