"""A protocol that contradicts itself is refused; what it says is what it decides by."""

from dataclasses import replace

import pytest

from isoguide.course import (
    ActionLevel,
    Approval,
    AssessmentInstructions,
    CouchLimit,
    Intrafraction,
    MarkerInstructions,
    MatchInstructions,
    Modality,
    Monitoring,
    Protocol,
    ProtocolAction,
    Schedule,
    ScheduleKind,
    Tolerance,
)
from isoguide.errors import InputError

SECOND_LOOK, STOP = ProtocolAction.SECOND_LOOK, ProtocolAction.STOP


def protocol(**more: object) -> Protocol:
    values = {
        "name": "spine",
        "version": 2,
        "title": "Spine",
        "site": "spine",
        "modality": Modality.CONE_BEAM_CT,
        "schedule": Schedule(),
        "match": MatchInstructions(),
        "tolerance": Tolerance(1.0, 0.5),
        "action_levels": (ActionLevel(SECOND_LOOK, shift_mm=10.0), ActionLevel(STOP, shift_mm=20.0)),
    }
    return Protocol(**{**values, **more})


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: Schedule(first=0), r"schedule\.first must be 1 or more, not 0"),
        (lambda: Schedule(every=0), r"schedule\.every must be 1 or more"),
        (lambda: Schedule(most=0), r"schedule\.most must be 1 or more"),
        (lambda: Schedule(alpha_mm=float("nan")), r"schedule\.alpha_mm must be a positive number, not nan"),
        (lambda: MatchInstructions(box_mm=-1.0), r"match\.box_mm must be a positive number, not -1"),
        (lambda: MatchInstructions(content="teeth"), r"content must be one of auto, bone, soft, not teeth"),
        (lambda: MatchInstructions(degrees_of_freedom=5), r"degrees_of_freedom must be one of 3, 4, 6"),
        (lambda: MatchInstructions(structures=("PTV", " ")), r"match\.structures holds an empty name"),
        (lambda: Tolerance(0.0, 1.0), r"tolerance\.shift_mm must be a positive number"),
        (lambda: Tolerance(1.0, float("inf")), r"tolerance\.rotation_deg must be a positive number"),
        (lambda: ActionLevel(STOP), "'stop' states no limit: give one of shift_mm, rotation_deg"),
        (lambda: ActionLevel(ProtocolAction.CORRECT, shift_mm=1.0), "'correct' is no action level"),
        (lambda: ActionLevel(STOP, residual_mm=float("nan")), r"levels\.residual_mm must be a positive"),
        (lambda: CouchLimit(pitch_deg=0.0), r"rotation\.pitch_deg must be a positive number"),
        (lambda: CouchLimit(roll_deg=-3.0), r"rotation\.roll_deg must be a positive number"),
        (lambda: CouchLimit(beyond=ProtocolAction.CORRECT), r"rotation\.beyond cannot be 'correct'"),
        (lambda: Intrafraction(shift_mm=0.0), r"intrafraction\.shift_mm must be a positive number"),
        (lambda: MarkerInstructions("rod", 5.0, 1.0), r"markers\.kind must be one of seed, sphere, coil"),
        (lambda: MarkerInstructions("seed", 0.0, 1.0), r"markers\.length_mm must be a positive number"),
        (lambda: MarkerInstructions("seed", 1.0, 5.0), r"diameter_mm = 5 is more than markers\.length"),
        (lambda: MarkerInstructions("seed", 5.0, 1.0, rotation_sigma_deg=0.0), r"rotation_sigma_deg"),
        (lambda: Intrafraction(reimage_after_s=-1.0), r"intrafraction\.reimage_after_s must be a positive"),
        (lambda: Monitoring("camera"), r"monitoring\.device must be one of markers, kV arm; .*not camera"),
        (lambda: Monitoring("bone, stereo pair", stale_s=0.0), r"monitoring\.stale_s must be a positive"),
        (lambda: Monitoring("bone, stereo pair", dwell_s=float("nan")), r"dwell_s must be a positive number"),
        (lambda: Monitoring("bone, stereo pair", settled_probability=1.0), r"stay below 1: nothing is ever"),
        (lambda: Monitoring("bone, stereo pair", least_probability=0.9), r"= 0\.9 and monitoring"),
        (lambda: Monitoring("chest marker"), r"monitoring\.xray_every_s is missing"),
        (lambda: Monitoring("bone, stereo pair", xray_every_s=10.0), r"xray_every_s means nothing where"),
        (AssessmentInstructions, r"would be assessed against no limit: give one of target_volume_percent"),
        (lambda: AssessmentInstructions(("GTV", " "), 20.0), r"structures holds an empty name: leave it out"),
        (lambda: AssessmentInstructions(("GTV", "GTV"), 20.0), r"names 'GTV' twice: leave one out"),
        (lambda: AssessmentInstructions((), -20.0), r"volume_percent must be a positive number, not -20"),
        (lambda: AssessmentInstructions((), 20.0, days=0), r"assessment\.days must be 1 or more, not 0"),
        (lambda: AssessmentInstructions((), 20.0, least_seen=1.1), r"least_seen must be a share above 0"),
        (lambda: AssessmentInstructions((), 20.0, landmark_mean_mm=6.0), r"mean_mm = 6 is more than"),
        (lambda: Approval(second_look=()), r"approval\.second_look names nobody"),
        (lambda: protocol(name=" "), "name is empty"),
        (lambda: protocol(name="spine "), "name 'spine ' has spaces at its ends"),
        (lambda: protocol(version=0), "version must be 1 or more, not 0"),
        (lambda: protocol(images=0), "images must be 1 or more"),
        (lambda: protocol(image_age_s=float("nan")), "image_age_s must be a positive number, not nan"),
        (lambda: protocol(approval_s=0.0), "approval_s must be a positive number"),
    ],
)  # fmt: skip
def test_an_impossible_value_is_refused_by_its_key(build, sentence) -> None:
    with pytest.raises(InputError, match=sentence):
        build()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"action_levels": (ActionLevel(SECOND_LOOK, shift_mm=1.0),)},
            r"'second look' at shift_mm = 1 is not above tolerance\.shift_mm = 1",
        ),
        (
            {"action_levels": (ActionLevel(STOP, rotation_deg=0.4),)},
            r"'stop' at rotation_deg = 0\.4 is not above tolerance\.rotation_deg = 0\.5",
        ),
        (
            {"action_levels": (ActionLevel(STOP, shift_mm=8.0), ActionLevel(SECOND_LOOK, shift_mm=10.0))},
            "'second look' above shift_mm = 10 can never happen: 'stop' comes at 8",
        ),
        (
            {
                "action_levels": (
                    ActionLevel(SECOND_LOOK, residual_mm=2.0),
                    ActionLevel(STOP, residual_mm=2.0),
                )
            },
            "'second look' above residual_mm = 2 can never happen: 'stop' comes at 2",
        ),
        (
            {"action_levels": (ActionLevel(STOP, shift_mm=8.0), ActionLevel(STOP, shift_mm=9.0))},
            "'stop' has two limits for shift_mm, 8 and 9",
        ),
        (
            {"match": MatchInstructions(box_mm=60.0), "markers": MarkerInstructions("seed", 5.0, 1.0)},
            r"match\.structures and match\.box_mm mean nothing where markers are matched",
        ),
        (
            {"monitoring": Monitoring("bone, stereo pair")},
            r"monitoring has no gate: give its radius as intrafraction\.shift_mm",
        ),
        (
            {
                "monitoring": Monitoring("markers, kV arm"),
                "intrafraction": Intrafraction(shift_mm=3.0),
            },
            r"looks for markers, and the protocol does not say which",
        ),
        (
            {"modality": Modality.KV_PAIR, "assessment": AssessmentInstructions((), 20.0)},
            r"assessment needs a CT of the day, and modality = 'kV pair' gives none",
        ),
        (
            {"images": 1, "intrafraction": Intrafraction(verify_with_image=True)},
            r"images = 1 leaves none for intrafraction\.verify_with_image = true",
        ),
    ],
)
def test_two_values_that_contradict_each_other_are_both_named(values, sentence) -> None:
    with pytest.raises(InputError, match=sentence):
        protocol(**values)


def test_levels_of_different_sizes_and_the_same_action_live_side_by_side() -> None:
    levels = (ActionLevel(STOP, shift_mm=8.0), ActionLevel(STOP, rotation_deg=2.0))
    assert protocol(action_levels=levels).action_levels == levels


def test_actions_go_from_harmless_to_final() -> None:
    assert [action.gravity for action in ProtocolAction] == [0, 1, 2, 3, 4, 5]
    assert ProtocolAction.NO_CORRECTION.gravity < SECOND_LOOK.gravity < STOP.gravity


@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        (ScheduleKind.DAILY, set()),
        (ScheduleKind.FIRST_THEN_WEEKLY, {"first", "every"}),
        (ScheduleKind.NAL, {"first"}),
        (ScheduleKind.ENAL, {"first", "every"}),
        (ScheduleKind.SAL, {"alpha_mm", "most"}),
    ],
)
def test_only_the_numbers_of_its_own_scheme_count(kind, counts) -> None:
    said = protocol(schedule=Schedule(kind=kind)).numbers
    assert {key for key in said if key.startswith("schedule")} == {f"schedule.{name}" for name in counts}


class TestSources:
    def test_every_number_has_a_key_and_no_flag_or_word_is_one(self) -> None:
        assert protocol(intrafraction=Intrafraction(shift_mm=3.0)).numbers == {
            "image_age_s": 900.0,
            "approval_s": 300.0,
            "images": 4,
            "match.degrees_of_freedom": 6,
            "tolerance.shift_mm": 1.0,
            "tolerance.rotation_deg": 0.5,
            "action_levels[1].shift_mm": 10.0,
            "action_levels[2].shift_mm": 20.0,
            "rotation.pitch_deg": 3.0,
            "rotation.roll_deg": 3.0,
            "intrafraction.shift_mm": 3.0,
        }

    def test_every_number_of_monitoring_has_a_key_too(self) -> None:
        watched = protocol(
            monitoring=Monitoring("chest marker", xray_every_s=12.0),
            intrafraction=Intrafraction(shift_mm=3.0),
        ).numbers
        said = {key: value for key, value in watched.items() if key.startswith("monitoring.")}
        assert said == {
            "monitoring.dwell_s": 0.3,
            "monitoring.stale_s": 0.5,
            "monitoring.longest_latency_s": 0.5,
            "monitoring.least_probability": 0.5,
            "monitoring.settled_probability": 0.8,
            "monitoring.realign_after_s": 15.0,
            "monitoring.fewest_per_s": 2.0,
            "monitoring.xray_every_s": 12.0,
        }

    @pytest.mark.parametrize(
        ("key", "remedy"),
        [
            ("tolerance.shift", "did you mean 'tolerance.shift_mm'"),
            ("action_levels[3].shift_mm", "did you mean 'action_levels"),
            ("intrafraction.shift_mm", "which has no value here"),
            ("x", "known are modality, image_age_s"),
        ],
    )
    def test_a_source_of_nothing_is_refused(self, key, remedy) -> None:
        with pytest.raises(InputError, match=f"sources names '{key}'".replace("[", r"\[")) as caught:
            protocol(sources={key: "a paper"})
        assert remedy in str(caught.value)

    def test_cannot_be_changed_afterwards(self) -> None:
        given = {"tolerance.shift_mm": "a paper", "schedule.kind": "another"}
        said = protocol(sources=given)
        given.clear()
        assert said.sources["tolerance.shift_mm"] == "a paper"
        with pytest.raises(TypeError):
            said.sources["images"] = "no"  # type: ignore[index]  # that it is refused is the test


def test_a_record_names_the_version() -> None:
    assert protocol().label == "spine v2"
    assert replace(protocol(), version=3).label == "spine v3"
