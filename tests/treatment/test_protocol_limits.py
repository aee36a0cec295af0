"""A protocol becomes the limits of a fraction and the region that is matched."""

import pytest
from protocol_cases import REIMAGE, SECOND_LOOK, STOP, protocol

from isoguide.course import ActionLevel, CouchLimit, Intrafraction, MatchInstructions, Monitoring
from isoguide.errors import AmbiguityError, InputError
from isoguide.motion.gate_settings import GateSettings
from isoguide.treatment import BeamLimits, CouchLimits, FractionLimits
from isoguide.treatment.protocol_limits import fraction_limits, gate_settings, match_region


class TestLimits:
    def test_ages_counts_and_tolerances_are_those_of_the_protocol(self) -> None:
        written = protocol(
            image_age_s=600.0, approval_s=120.0, images=5, intrafraction=Intrafraction(verify_with_image=True)
        )
        limits = fraction_limits(written)
        assert (limits.image_age_s, limits.approval_s, limits.images) == (600.0, 120.0, 5)
        assert (limits.tolerance_mm, limits.tolerance_deg) == (2.0, 1.0)
        assert limits.verify_with_image

    def test_the_lowest_level_says_what_needs_a_person(self) -> None:
        levels = (
            ActionLevel(STOP, shift_mm=20.0, rotation_deg=4.0),
            ActionLevel(REIMAGE, shift_mm=7.0),
            ActionLevel(SECOND_LOOK, residual_mm=1.5),
        )
        limits = fraction_limits(protocol(action_levels=levels))
        assert (limits.largest_shift_mm, limits.largest_angle_deg, limits.largest_residual_mm) == (
            7.0,
            4.0,
            1.5,
        )

    def test_a_size_without_a_level_keeps_the_limit_of_every_fraction(self) -> None:
        limits, own = fraction_limits(protocol(action_levels=())), FractionLimits()
        for name in ("largest_shift_mm", "largest_angle_deg", "largest_residual_mm"):
            assert getattr(limits, name) == getattr(own, name)

    @pytest.mark.parametrize(
        ("couch", "asked", "left"), [(6, 3, 3), (6, 4, 4), (6, 6, 6), (3, 6, 3), (4, 6, 4), (3, 3, 3)]
    )
    def test_the_fewer_degrees_of_freedom_of_couch_and_protocol_count(self, couch, asked, left) -> None:
        written = protocol(match=MatchInstructions(degrees_of_freedom=asked))
        assert (
            fraction_limits(written, CouchLimits(degrees_of_freedom=couch)).couch.degrees_of_freedom == left
        )

    def test_the_narrower_tilt_counts_on_each_side(self) -> None:
        couch = CouchLimits(pitch_deg=(-1.0, 4.0), roll_deg=None, tolerance_mm=0.4)
        narrowed = fraction_limits(protocol(rotation=CouchLimit(2.0, 2.5)), couch).couch
        assert (narrowed.pitch_deg, narrowed.roll_deg) == ((-1.0, 2.0), (-2.5, 2.5))
        assert narrowed.tolerance_mm == 0.4

    def test_a_couch_that_the_protocol_leaves_no_travel_is_refused(self) -> None:
        with pytest.raises(InputError, match="pitch_deg must be"):
            fraction_limits(protocol(rotation=CouchLimit(1.0, 1.0)), CouchLimits(pitch_deg=(2.0, 4.0)))

    def test_the_beam_is_watched_as_the_room_says(self) -> None:
        assert fraction_limits(protocol(), beam=BeamLimits(holds=3)).beam.holds == 3
        assert fraction_limits(protocol()).beam == BeamLimits()


class TestRegion:
    NAMES = ("PTV", "Prostate", "Rectum")

    def test_the_first_structure_that_the_plan_has_is_matched(self) -> None:
        region = match_region(MatchInstructions(("Seeds", "Prostate", "PTV"), 80.0), self.NAMES)
        assert (region.structure, region.box_mm) == ("Prostate", None)
        assert region.why == "matched on 'Prostate', because there is no 'Seeds'"

    def test_nothing_is_excused_where_the_first_is_there(self) -> None:
        assert match_region(MatchInstructions(("PTV",)), self.NAMES).why == "matched on 'PTV'"

    def test_without_any_of_them_the_box_is(self) -> None:
        region = match_region(MatchInstructions(("Seeds", "Markers"), 80.0), self.NAMES)
        assert (region.structure, region.box_mm) == (None, 80.0)
        assert region.why == (
            "matched in a box of 80 mm about the isocentre, because the plan has no 'Seeds', 'Markers'"
        )

    def test_without_a_box_the_region_is_automatic(self) -> None:
        region = match_region(MatchInstructions(), self.NAMES)
        assert (region.structure, region.box_mm) == (None, None)
        assert region.why == "matched in the automatic region about the isocentre"

    def test_capital_letters_do_not_separate_a_name_that_exists_once(self) -> None:
        assert match_region(MatchInstructions(("prostate",)), self.NAMES).structure == "Prostate"

    def test_the_exact_name_counts_before_a_similar_one(self) -> None:
        assert match_region(MatchInstructions(("ptv",)), ("PTV", "ptv")).structure == "ptv"

    def test_several_similar_names_are_not_chosen_from(self) -> None:
        with pytest.raises(AmbiguityError, match="matches on 'Ptv', and the plan has 'PTV', 'ptv'"):
            match_region(MatchInstructions(("Ptv",)), ("PTV", "ptv"))


class TestGate:
    def test_demands_what_the_protocol_says_within_the_radius_of_its_intrafraction_section(self) -> None:
        watched = Monitoring(
            "bone, stereo pair",
            dwell_s=0.7,
            stale_s=0.8,
            longest_latency_s=0.4,
            least_probability=0.6,
            settled_probability=0.9,
            realign_after_s=20.0,
            fewest_per_s=1.0,
        )
        written = protocol(monitoring=watched, intrafraction=Intrafraction(shift_mm=2.5))
        assert gate_settings(written) == GateSettings(
            2.5,
            dwell_s=0.7,
            stale_s=0.8,
            longest_latency_s=0.4,
            least_probability=0.6,
            settled_probability=0.9,
            realign_after_s=20.0,
            fewest_per_s=1.0,
        )

    def test_what_the_protocol_leaves_out_is_as_every_gate_has_it(self) -> None:
        written = protocol(
            monitoring=Monitoring("bone, stereo pair"), intrafraction=Intrafraction(shift_mm=3.0)
        )
        assert gate_settings(written) == GateSettings(3.0)

    def test_there_is_none_where_the_protocol_does_not_ask_for_monitoring(self) -> None:
        with pytest.raises(InputError, match="does not ask for monitoring: add that section"):
            gate_settings(protocol(intrafraction=Intrafraction(shift_mm=3.0)))

    def test_a_frame_older_than_the_target_can_be_predicted_is_refused_by_its_key(self) -> None:
        watched = Monitoring("bone, stereo pair", stale_s=0.9)
        with pytest.raises(InputError, match=r"monitoring\.stale_s is 0\.9: with 0\.15 s of the machine"):
            gate_settings(protocol(monitoring=watched, intrafraction=Intrafraction(shift_mm=3.0)))

    def test_a_latency_that_no_gate_may_have_is_refused_by_its_key(self) -> None:
        watched = Monitoring("bone, stereo pair", longest_latency_s=0.8)
        with pytest.raises(InputError, match=r"monitoring\.longest_latency_s is 0\.8: TG-76 allows 0\.5"):
            gate_settings(protocol(monitoring=watched, intrafraction=Intrafraction(shift_mm=3.0)))
