"""Protocol files: what is wrong is named, what ships is complete, and the words say every number."""

import json
import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import get_args

import jsonschema
import pytest

from isoguide.course import (
    ActionLevel,
    Approval,
    AssessmentInstructions,
    CouchLimit,
    Intrafraction,
    MatchInstructions,
    Modality,
    Monitoring,
    Protocol,
    ProtocolAction,
    Schedule,
    ScheduleKind,
    Tolerance,
)
from isoguide.course.monitoring import MonitoringDevice
from isoguide.course.protocol import NOT_CHECKED
from isoguide.errors import InputError, MissingEvidenceError, UnreadableError
from isoguide.treatment.protocol_limits import fraction_limits
from isoguide.workflow import protocol_sections
from isoguide.workflow.protocol_file import (
    SCHEMA_FILE,
    ProtocolDocument,
    load_protocol,
    parse_protocol,
    protocol_document,
    protocol_schema,
    schema_text,
    shipped_protocols,
    written_protocol,
)
from isoguide.workflow.protocol_sections import ProtocolFile
from isoguide.workflow.protocol_words import numbers_without_source, protocol_words

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "how-to" / "write-a-protocol.md").read_text(encoding="utf-8")
CHECKED = (
    "AAPM MPPG 9.a (PMC5874865)",
    "PMC5716523",
    "PMC5718648",
    "AAPM 2026 paper 738",
    "eNAL, doi 10.1016/j.ijrobp.2006.11.050",
)
"""Sources whose statement was read."""
TOP = """name = "test"
version = 1
title = "A test"
site = "pelvis"
modality = "cone-beam CT"
"""
MATCH, TOLERANCE = "[match]\n", "[tolerance]\nshift_mm = 2.0\nrotation_deg = 1.0\n"
HEAD = f'{TOP}[schedule]\nkind = "daily"\n{MATCH}{TOLERANCE}'
GATED = "[intrafraction]\nshift_mm = 3.0\n[monitoring]\n"
LEVEL = "[[action_levels]]\naction = "


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse_protocol(text, "my.toml")
    sentence = str(caught.value)
    assert sentence.startswith("my.toml: ")
    assert "\n" not in sentence
    return sentence


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[rotation]\npitch_deg = 0\n", "rotation.pitch_deg = 0 is impossible: it must be greater"),
            ("[rotation]\npitch_deg = nan\n", "it must be a finite number"),
            ("[rotation]\npitch = 3.0\n", "rotation.pitch is not a key of protocols: did you mean pitch_deg"),
            ("[rotations]\n", "rotations is not a key of protocols: did you mean rotation?"),
            ("[rotation]\nbeyond = 'hope'\n", "rotation.beyond = \"hope\" is not known: choose one of"),
            ("[rotation]\nbeyond = 'correct'\n", "rotation.beyond cannot be 'correct'"),
            ("[approval]\nroutine = ['nurse']\n",
             "approval.routine[1] = \"nurse\" is not known: choose one of 'therapist', 'physicist', 'onc"),
            ("[approval]\nroutine = 'physicist'\n", "it must be a list in square brackets"),
            ("[approval]\noverride = []\n", "approval.override names nobody"),
            ("[intrafraction]\nverify_with_image = 1\n", "it must be true or false"),
            (f"{LEVEL}'stop'\n", "the action level 'stop' states no limit"),
            (f"{LEVEL}'halt'\nshift_mm = 9.0\n", "action_levels[1].action = \"halt\" is not known"),
            (f"{LEVEL}'stop'\nshift = 9.0\n", "action_levels[1].shift is not a key of protocols: did you"),
            (f"{LEVEL}'stop'\nshift_mm = '9'\n", "action_levels[1].shift_mm = \"9\" is impossible"),
            (f"{LEVEL}'stop'\nshift_mm = 2.0\n", "shift_mm = 2 is not above tolerance.shift_mm = 2"),
            (f"{LEVEL}'stop'\nshift_mm = 5.0\n{LEVEL}'second look'\nshift_mm = 8.0\n",
             "'second look' above shift_mm = 8 can never happen: 'stop' comes at 5"),
            (f"{GATED}device = 'camera'\n", "monitoring.device = \"camera\" is not known: choose one of"),
            (f"{GATED}device = 'bone, stereo pair'\nstale_s = 60\n", "monitoring.stale_s = 60 is impossible"),
            (f"{GATED}device = 'bone, stereo pair'\nleast_probability = 0.9\n",
             "least_probability = 0.9 and monitoring.settled_probability = 0.8 must grow in this order"),
            (f"{GATED}device = 'chest marker'\n", "monitoring.xray_every_s is missing"),
            (f"{GATED}device = 'markers, kV arm'\n", "does not say which: add the section markers"),
            (f"{GATED}device = 'bone, stereo pair'\nlongest_latency_s = 0.6\n",
             "monitoring.longest_latency_s is 0.6: TG-76 allows 0.5"),
            ("[monitoring]\ndevice = 'bone, stereo pair'\n",
             "monitoring has no gate: give its radius as intrafraction.shift_mm"),
            ("[dose]\n", "dose.goals is empty and no limit is given"),
            ("[dose]\ngoals = ['PTV gets enough']\n", "is not a goal; write it like PTV D95%"),
            ("[dose]\norgan_mean_gy = 0.0\n", "dose.organ_mean_gy = 0.0 is"),
            ("[assessment]\nstructures = ['GTV']\n",
             "assessment.structures would be assessed against no limit: give one of target"),
            ("[assessment]\ntarget_volume_percent = -20\n", "assessment.target_volume_percent = -20 is imp"),
            ("[assessment]\ntarget_volume = 20.0\n", "did you mean target_volume_percent"),
            ("[assessment]\ntarget_volume_percent = 20.0\nleast_seen = 90\n", "least_seen = 90 is"),
            ("[sources]\n'tolerance.shift' = 'a paper'\n", "did you mean 'tolerance.shift_mm'?"),
            ("[sources]\ntolerance.shift_mm = 'a paper'\n",
             'write each key in quotes, as "tolerance.shift_mm" = "where it comes from"'),
            ("[sources]\n'tolerance.shift_mm' = ''\n", "sources.tolerance.shift_mm = \"\" is impossible"),
            ("[sources]\n'tolerance.shift_mm' = 3\n", "it must be a text in quotes"),
        ],
    )  # fmt: skip
    def test_are_answered_with_the_key_and_what_is_allowed(self, text, said) -> None:
        assert said in refused(HEAD + text)

    @pytest.mark.parametrize(
        ("before", "after", "said"),
        [
            ("version = 1", "version = 0", "version = 0 is impossible: it must be at least 1"),
            ("version = 1", "", "version is missing: add it"),
            ('name = "test"', 'name = " "', "name is empty"),
            (
                '"cone-beam CT"',
                '"MRI"',
                "modality = \"MRI\" is not known: choose one of 'cone-beam CT', 'CT'",
            ),
            (MATCH, "[match]\nbox_mm = 0\n", "match.box_mm = 0 is impossible"),
            (MATCH, "[match]\ndegrees_of_freedom = 5\n", "is not known: choose one of 3, 4, 6"),
            (MATCH, "", "match is missing: add it"),
            (TOLERANCE, "[tolerance]\nshift_mm = 2.0\n", "tolerance.rotation_deg is missing: add it"),
            (
                'kind = "daily"',
                'kind = "dayly"',
                "schedule.kind = \"dayly\" is not known: choose one of 'daily'",
            ),
            (
                'kind = "daily"',
                'kind = "daily"\nfirst = 3',
                "schedule: first means nothing where kind = 'daily'",
            ),
            ('kind = "daily"', 'kind = "NAL"\nevery = 5', "schedule: every means nothing where kind = 'NAL'"),
            ('kind = "daily"', 'kind = "SAL"\nfirst = 3', "schedule: first means nothing where kind = 'SAL'"),
            (
                "[schedule]",
                "images = 1\nintrafraction = {verify_with_image = true}\n[schedule]",
                "images = 1 leaves none for intrafraction.verify_with_image = true",
            ),
        ],
    )
    def test_of_what_every_protocol_has_are_answered_likewise(self, before, after, said) -> None:
        assert said in refused(HEAD.replace(before, after))

    def test_what_is_not_toml_is_answered_with_the_line(self) -> None:
        with pytest.raises(UnreadableError, match=r"my\.toml is not valid TOML .*line 1"):
            parse_protocol("name = \nversion = 2", "my.toml")

    def test_a_missing_file_is_answered_with_the_nearest_name_that_ships(self) -> None:
        with pytest.raises(MissingEvidenceError, match=r"no protocol of this name: did you mean spine-sbrt"):
            load_protocol("spine-sbtr")

    def test_what_cannot_be_read_is_one_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(UnreadableError, match="so no protocol"):
            load_protocol(str(tmp_path / "binary.toml"))
        with pytest.raises(UnreadableError, match="give a protocol file"):
            load_protocol(str(tmp_path))


class TestReading:
    def test_what_a_file_says_arrives(self) -> None:
        text = (
            TOP
            + "image_age_s = 600.0\napproval_s = 100.0\nimages = 3\n"
            + '[schedule]\nkind = "eNAL"\nfirst = 4\nevery = 7\n'
            + '[match]\nstructures = ["Seeds", "PTV"]\nbox_mm = 80\n'
            + 'content = "soft"\ndegrees_of_freedom = 3\n'
            + TOLERANCE
            + LEVEL
            + '"second look"\nshift_mm = 10.0\nrotation_deg = 3.0\nresidual_mm = 2.0\n'
            + '[rotation]\npitch_deg = 2.0\nroll_deg = 1.0\nbeyond = "stop"\n'
            + "[intrafraction]\nshift_mm = 3.0\nreimage_after_s = 600.0\nverify_with_image = true\n"
            + '[approval]\nroutine = ["physicist"]\nsecond_look = ["oncologist"]\noverride = ["oncologist"]\n'
            + '[sources]\n"tolerance.shift_mm" = "our statistics"\n"schedule.kind" = "the department"\n'
        )
        assert parse_protocol(text, "x") == Protocol(
            name="test",
            version=1,
            title="A test",
            site="pelvis",
            modality=Modality.CONE_BEAM_CT,
            schedule=Schedule(ScheduleKind.ENAL, first=4, every=7),
            match=MatchInstructions(("Seeds", "PTV"), 80.0, "soft", 3),
            tolerance=Tolerance(2.0, 1.0),
            action_levels=(ActionLevel(ProtocolAction.SECOND_LOOK, 10.0, 3.0, 2.0),),
            rotation=CouchLimit(2.0, 1.0, ProtocolAction.STOP),
            intrafraction=Intrafraction(3.0, 600.0, verify_with_image=True),
            approval=Approval(("physicist",), ("oncologist",), ("oncologist",)),
            image_age_s=600.0,
            approval_s=100.0,
            images=3,
            sources={"tolerance.shift_mm": "our statistics", "schedule.kind": "the department"},
        )

    def test_what_it_does_not_say_is_the_default_of_the_contract(self) -> None:
        bare = Protocol("test", 1, "A test", "pelvis", Modality.CONE_BEAM_CT, Schedule(), MatchInstructions(),
                        Tolerance(2.0, 1.0), ())  # fmt: skip
        assert parse_protocol(HEAD, "x") == bare

    @pytest.mark.parametrize(
        ("section", "value"),
        [
            ("ScheduleSection", Schedule),
            ("MatchSection", MatchInstructions),
            ("ToleranceSection", Tolerance),
            ("ActionLevelSection", ActionLevel),
            ("RotationSection", CouchLimit),
            ("IntrafractionSection", Intrafraction),
            ("MonitoringSection", Monitoring),
            ("AssessmentSection", AssessmentInstructions),
            ("ApprovalSection", Approval),
        ],
    )
    def test_a_section_has_the_keys_and_defaults_of_the_value_it_becomes(self, section, value) -> None:
        said = {
            name: MISSING if item.is_required() else item.default
            for name, item in getattr(protocol_sections, section).model_fields.items()
        }
        assert said == {item.name: item.default for item in fields(value)}

    def test_a_file_keeps_its_text_and_where_it_came_from(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.toml"
        file.write_text(HEAD, encoding="utf-8-sig")
        loaded = load_protocol(str(file))
        assert (loaded.text, loaded.source) == (HEAD, str(file))
        assert loaded.protocol.label == "test v1"

    def test_nothing_of_a_file_can_be_changed_afterwards(self) -> None:
        with pytest.raises(ValueError, match="frozen"):
            written_protocol(parse_protocol(HEAD, "x")).version = 2


class TestShipped:
    def test_the_sites_that_departments_begin_with_are_there(self) -> None:
        assert set(shipped_protocols()) == {
            "prostate-seeds",
            "prostate-seeds-kv",
            "prostate-soft-tissue",
            "prostate-ultrasound",
            "head-and-neck",
            "spine-sbrt",
            "lung-sbrt",
            "liver",
            "breast",
            "brain-srs",
            "palliative-bone",
            "demonstration",
            "demonstration-kv",
            "demonstration-seeds",
            "demonstration-ultrasound",
            "demonstration-arm",
            "demonstration-bone",
            "demonstration-breathing",
        }

    @pytest.mark.parametrize("name", shipped_protocols())
    def test_every_number_says_where_it_comes_from_and_nothing_else_does(self, name: str) -> None:
        protocol = load_protocol(name).protocol
        assert protocol.name == name
        assert set(protocol.sources) == set(protocol.numbers)
        for key, source in protocol.sources.items():
            assert NOT_CHECKED in source or source.startswith(CHECKED), f"{key}: {source}"

    @pytest.mark.parametrize("name", shipped_protocols())
    def test_every_number_stands_in_the_file_itself(self, name: str) -> None:
        """A default that changes later would silently change a protocol that a department copied."""
        loaded = load_protocol(name)
        for key in loaded.protocol.numbers:
            name = key.rsplit(".")[-1].split("[")[0]  # goals stand in a list
            assert re.search(rf"^{name} = ", loaded.text, re.MULTILINE), key

    @pytest.mark.parametrize("name", shipped_protocols())
    def test_goes_from_text_to_values_to_a_file_and_back(self, name: str) -> None:
        protocol = load_protocol(name).protocol
        assert written_protocol(protocol).protocol() == protocol

    @pytest.mark.parametrize("name", shipped_protocols())
    def test_the_words_say_every_number_and_every_source(self, name: str) -> None:
        protocol = load_protocol(name).protocol
        words = " ".join(protocol_words(protocol))
        for key, value in protocol.numbers.items():
            assert re.search(rf"(?<![\d.]){value:g}(?!\d|\.\d)", words), f"{key} = {value}"
        for source in protocol.sources.values():
            assert source in words
        for structure in protocol.match.structures:
            assert f"'{structure}'" in words

    @pytest.mark.parametrize("name", shipped_protocols())
    def test_becomes_limits_of_a_fraction(self, name: str) -> None:
        protocol = load_protocol(name).protocol
        limits = fraction_limits(protocol)
        assert limits.images == protocol.images
        assert limits.tolerance_mm < limits.largest_shift_mm

    @pytest.mark.parametrize("name", ["spine-sbrt", "lung-sbrt", "brain-srs"])
    def test_stereotactic_ones_image_every_day_and_every_corrected_position(self, name: str) -> None:
        protocol = load_protocol(name).protocol
        assert protocol.schedule.kind is ScheduleKind.DAILY
        assert protocol.intrafraction.verify_with_image

    def test_numbers_of_the_reference_are_as_it_says(self) -> None:
        """MPPG 9.a: 1 mm (SRS) and 2 mm (SBRT); the second check of vertebrae alarms at 10 mm."""
        spine, lung, brain = (
            load_protocol(name).protocol for name in ("spine-sbrt", "lung-sbrt", "brain-srs")
        )
        assert (brain.tolerance.shift_mm, lung.tolerance.shift_mm) == (1.0, 2.0)
        assert spine.action_levels[0].limits["shift_mm"] == 10.0
        assert spine.action_levels[0].action is ProtocolAction.SECOND_LOOK

    def test_those_of_the_demonstration_watch_the_target_with_every_device(self) -> None:
        watched = {
            monitoring.device
            for monitoring in (load_protocol(name).protocol.monitoring for name in shipped_protocols())
            if monitoring is not None
        }
        assert watched == set(get_args(MonitoringDevice))

    def test_off_line_ones_measure_three_times_before_they_correct(self) -> None:
        kinds = {name: load_protocol(name).protocol.schedule for name in ("breast", "palliative-bone")}
        assert kinds["breast"] == Schedule(ScheduleKind.ENAL, first=3, every=5)
        assert kinds["palliative-bone"] == Schedule(ScheduleKind.NAL, first=3)


class TestWords:
    @pytest.mark.parametrize(
        ("schedule", "said"),
        [
            ('kind = "daily"', "Every fraction is imaged."),
            (
                'kind = "first, then weekly"\nfirst = 5\nevery = 3',
                "The first 5 fractions are imaged and then each 3rd",
            ),
            ('kind = "NAL"\nfirst = 4', "The first 4 fractions are imaged; from then on minus the mean"),
            ('kind = "eNAL"\nfirst = 2\nevery = 11', "and then each 11th fraction; what a straight line"),
            ('kind = "SAL"\nalpha_mm = 8.5\nmost = 2', "longer than 8.5 mm/√k; after 2 measurements"),
        ],
    )
    def test_the_schedule_is_told_by_what_it_does(self, schedule, said) -> None:
        protocol = parse_protocol(HEAD.replace('kind = "daily"', schedule), "x")
        assert said in protocol_words(protocol)[1]

    @pytest.mark.parametrize(
        ("every", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (5, "5th"), (12, "12th"), (22, "22nd")]
    )
    def test_ordinals_are_english(self, every, said) -> None:
        schedule = f'kind = "first, then weekly"\nevery = {every}'
        assert (
            f"each {said} fraction"
            in protocol_words(parse_protocol(HEAD.replace('kind = "daily"', schedule), "x"))[1]
        )

    def test_a_size_without_a_level_is_told_with_the_limit_that_holds(self) -> None:
        """20 mm, 3° and 2 mm are what docs/how-to/write-a-protocol.md promises."""
        words = protocol_words(parse_protocol(HEAD, "x"))
        said = "above a shift of 20 mm, a rotation of 3° or 2 mm left at the target, two people have to agree"
        assert any(said in sentence for sentence in words)

    def test_levels_come_from_harmless_to_final(self) -> None:
        levels = f"{LEVEL}'stop'\nshift_mm = 30.0\n{LEVEL}'image again'\nshift_mm = 9.0\nresidual_mm = 3.0\n"
        words = protocol_words(parse_protocol(HEAD + levels, "x"))
        assert [sentence for sentence in words if sentence.startswith("Above")] == [
            "Above a shift of 9 mm or 3 mm left at the target, another image is taken (image again).",
            "Above a shift of 30 mm, the fraction is stopped.",
        ]

    def test_what_is_assessed_and_when_to_plan_anew_is_told(self) -> None:
        asked = "[assessment]\nstructures = ['Parotid_L']\ntarget_volume_percent = 20.0\ndays = 1\n"
        assessed, replanning, counts = protocol_words(parse_protocol(HEAD + asked, "x"))[7:10]
        assert assessed.endswith("are assessed the target and, where the plan has them, 'Parotid_L'.")
        assert replanning == (
            "Re-planning is to be considered when a target has changed its volume by more than 20 % on one "
            "assessed day."
        )
        assert "A day that does not count neither raises nor ends an alert." in counts

    def test_how_the_dose_is_judged_is_told_and_written_as_it_was_read(self) -> None:
        asked = (
            "[dose]\ngoals = ['PTV D95% >= 57 Gy', 'Rectum V60Gy <= 35 %']\ntarget_d95_percent = 5.0\n"
            "algorithm = 'collapsed cone'\n[sources]\n'dose.goals[2]' = 'our trial'\n"
        )
        protocol = parse_protocol(HEAD + asked, "x")
        computed, goals, judged = protocol_words(protocol)[7:10]
        assert computed.endswith("by the method 'collapsed cone' on voxels of 2.5 mm.")
        assert goals.endswith("course: PTV D95% >= 57 Gy; Rectum V60Gy <= 35 %.")
        assert (
            "a goal that the plan meets is missed or D95% of a target falls by more than 5 % of the" in judged
        )
        assert "dose.goals[1]" in numbers_without_source(protocol)
        assert "dose.goals[2]" not in numbers_without_source(protocol)
        written = written_protocol(protocol)
        assert written.protocol() == protocol
        assert written.dose is not None
        assert written.dose.goals == ("PTV D95% >= 57 Gy", "Rectum V60Gy <= 35 %")

    def test_numbers_without_a_source_are_named(self) -> None:
        protocol = parse_protocol(f"{HEAD}[sources]\n'tolerance.shift_mm' = 'our statistics'\n", "x")
        words = protocol_words(protocol)
        assert words[-2] == "tolerance.shift_mm: our statistics."
        assert words[-1].startswith("No source is given for image_age_s, approval_s, images, match.degrees")
        assert "tolerance.shift_mm" not in numbers_without_source(protocol)

    def test_who_signs_is_told(self) -> None:
        text = " ".join(
            protocol_words(parse_protocol(f"{HEAD}[approval]\nsecond_look = ['oncologist']\n", "x"))
        )
        assert "signed by one person: therapist, physicist or oncologist." in text
        assert "A second look is signed by one more: oncologist." in text
        assert "with a reason of at least 3 words, by physicist or oncologist" in text


class TestDocuments:
    def test_the_document_says_everything_with_its_defaults(self) -> None:
        loaded = load_protocol("spine-sbrt")
        document = json.loads(json.dumps(protocol_document(loaded), allow_nan=False))
        assert (document["schema_version"], document["source"]) == ("1.1", "spine-sbrt")
        assert document["words"] == list(protocol_words(loaded.protocol))
        assert document["without_source"] == []
        assert document["protocol"]["action_levels"][0] == {
            "action": "second look",
            "shift_mm": 10.0,
            "rotation_deg": 2.5,
            "residual_mm": 1.0,
        }
        assert document["protocol"]["schedule"] == {"kind": "daily"}
        assert document["protocol"]["rotation"]["beyond"] == "set up again"
        ProtocolDocument.model_validate_json(json.dumps(document))

    @pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
    def test_every_protocol_that_the_page_shows_is_sound(self, text: str) -> None:
        parse_protocol(text, "the page")

    def test_the_python_of_the_page_runs(self) -> None:
        (snippet,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
        exec(compile(snippet, "write-a-protocol.md", "exec"), {})  # noqa: S102 - running the page's own code is the test

    def test_the_page_names_what_ships(self) -> None:
        for name in shipped_protocols():
            assert f"`{name}`" in PAGE

    def test_the_page_lists_every_key_with_its_default(self) -> None:
        rows = re.findall(r"^\| `([\w.]+)` \|[^|]*\|([^|]*)\|[^|]+\|$", PAGE, re.MULTILINE)
        listed = {key: default.strip() for key, default in rows}
        assert listed == dict(_keys_and_defaults(ProtocolFile))

    def test_the_page_gives_the_answer_of_its_own_example(self) -> None:
        assert '"the shift of 12.3 mm is above the action level of 10 mm: second look"' in PAGE


def _keys_and_defaults(model, place=""):
    sections = {
        "schedule": "ScheduleSection",
        "match": "MatchSection",
        "markers": "MarkersSection",
        "tolerance": "ToleranceSection",
        "action_levels": "ActionLevelSection",
        "rotation": "RotationSection",
        "intrafraction": "IntrafractionSection",
        "monitoring": "MonitoringSection",
        "assessment": "AssessmentSection",
        "dose": "DoseSection",
        "approval": "ApprovalSection",
    }
    for name, item in model.model_fields.items():
        if name in sections:
            yield from _keys_and_defaults(getattr(protocol_sections, sections[name]), f"{name}.")
        elif item.is_required() or item.default is None:
            yield f"{place}{name}", ""
        else:
            default = item.default
            yield f"{place}{name}", f"{default:g}" if type(default) is float else json.dumps(default)


class TestSchema:
    def test_the_published_schema_is_that_of_the_models(self) -> None:
        jsonschema.Draft202012Validator.check_schema(protocol_schema())
        assert (DOCS / "schema" / SCHEMA_FILE).read_text(encoding="utf-8") == schema_text()

    def test_it_describes_what_ships(self) -> None:
        validator = jsonschema.Draft202012Validator(protocol_schema())
        for name in shipped_protocols():
            written = written_protocol(load_protocol(name).protocol)
            validator.validate(json.loads(written.model_dump_json(exclude_none=True)))
