import pytest

from isoguide.errors import InputError
from isoguide.treatment import State
from isoguide.virtual.faults import FAULTS, Fault, FaultWatch, faults_of_fraction


def test_every_fault_says_what_happens_and_what_has_to_be_done_and_ends_the_fraction():
    for name, kind in FAULTS.items():
        assert kind.happens, name
        assert kind.expected, name
        for ends in (kind.ends_in_once, kind.ends_in_always):
            assert ends, name
            assert all(state.is_final for state in ends), name


GOOD_WITHOUT = {"frames-out-of-order", "marker-vanished", "markers-swapped"}
"""What is left of frames and markers may be enough to watch the target."""


def test_what_strikes_always_may_never_end_in_a_treatment():
    kinds = {name: kind for name, kind in FAULTS.items() if name not in GOOD_WITHOUT}
    assert all(kind.ends_in_always == {State.STOPPED} for kind in kinds.values())
    assert all(State.STOPPED in FAULTS[name].ends_in_always for name in GOOD_WITHOUT)
    assert Fault("image-lost").ends_in == {State.CLOSED}
    assert Fault("image-lost", times=None).ends_in == {State.STOPPED}


def test_a_fault_strikes_from_its_occurrence_on_as_often_as_it_says():
    watch = FaultWatch([Fault("image-lost", occurrence=2, times=2)])
    assert [watch.strikes("image-lost") is not None for _ in range(5)] == [False, True, True, False, False]
    always = FaultWatch([Fault("image-lost", occurrence=3, times=None)])
    assert [always.strikes("image-lost") is not None for _ in range(5)] == [False, False, True, True, True]


def test_a_fault_of_one_device_leaves_the_others_alone():
    watch = FaultWatch([Fault("link-broken", device="couch", times=None)])
    assert watch.strikes("link-broken", "beam") is None
    assert watch.strikes("image-lost") is None
    assert watch.strikes("link-broken", "couch") is not None


def test_a_link_that_breaks_with_the_beam_on_holds_until_then_and_stays_broken_afterwards():
    watch = FaultWatch([Fault("link-broken", device="couch", moment="beam on", times=None)])
    assert watch.strikes("link-broken", "couch") is None
    watch.beam_is_on = lambda: True
    assert watch.strikes("link-broken", "couch") is not None
    watch.beam_is_on = lambda: False
    assert watch.strikes("link-broken", "couch") is not None


def test_faults_are_sorted_by_fraction():
    first, third = Fault("image-lost"), Fault("beam-drops", fraction=3)
    assert faults_of_fraction([first, third], 3) == (third,)
    assert faults_of_fraction([first, third], 2) == ()


def test_a_fault_describes_itself():
    assert Fault("link-broken", device="beam").describe.startswith("link-broken (beam): a device does not")
    assert Fault("image-lost").describe == "image-lost: an exposure is made and no image comes of it"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": "gremlin"}, "unknown fault 'gremlin': choose one of image-lost, stale-frame"),
        ({"name": "image-lost", "fraction": 0}, "fraction of the fault 'image-lost' is counted from 1"),
        ({"name": "image-lost", "occurrence": -1}, "occurrence of the fault 'image-lost' is counted from 1"),
        ({"name": "image-lost", "times": 0}, "times of the fault 'image-lost' is counted from 1"),
        ({"name": "link-broken"}, "needs a device, one of imager, couch, beam, monitor, not None"),
        ({"name": "link-broken", "device": "door"}, "imager, couch, beam, monitor, not 'door'"),
        ({"name": "image-lost", "device": "imager"}, "has neither device nor moment: leave them out"),
        ({"name": "beam-drops", "moment": "beam on"}, "has neither device nor moment: leave them out"),
        ({"name": "link-broken", "device": "beam", "moment": "noon"}, "must be one of before beam, beam on"),
        ({"name": "link-broken", "device": "imager", "moment": "beam on"}, "not used while the beam is on"),
        ({"name": "couch-stops-short", "size": 1.5}, "must be from 0 to 1, not 1.5"),
        ({"name": "couch-reads-wrong", "size": float("nan")}, "must be from -100 to 100"),
        ({"name": "image-lost", "size": 1.0}, "the fault 'image-lost' has no size"),
    ],
)
def test_an_impossible_fault_is_refused_in_one_sentence(values, sentence):
    with pytest.raises(InputError, match=sentence):
        Fault(**values)
