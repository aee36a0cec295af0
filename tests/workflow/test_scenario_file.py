import json
import re
from dataclasses import fields
from pathlib import Path

import jsonschema
import pytest

from isoguide.errors import InputError, MissingEvidenceError, UnreadableError
from isoguide.treatment import FractionLimits
from isoguide.virtual import Breathing, NeckFlexion, OrganChanges, ProstateMotion, SetUpErrors
from isoguide.virtual.faults import FAULTS
from isoguide.virtual.room_settings import BeamSettings, ConsoleSettings, CouchSettings
from isoguide.workflow.scenario import (
    BreathingSection,
    ConsoleSection,
    CouchSection,
    LimitsSection,
    NeckSection,
    OrganSection,
    PlanSection,
    ProstateMotionSection,
    Scenario,
    SetUpSection,
)
from isoguide.workflow.scenario_file import (
    SCHEMA_FILE,
    load_scenario,
    parse_scenario,
    scenario_schema,
    schema_text,
    shipped_scenarios,
)
from isoguide.workflow.scenario_settings import (
    SITES_WITH,
    course_settings,
    fraction_limits,
    room_settings,
    scenario_faults,
)

PUBLISHED = Path(__file__).parents[2] / "docs" / "schema" / SCHEMA_FILE
TOML = re.compile(r"```toml\n(.*?)```", re.DOTALL)
HEAD = 'title = "A test"\n[patient]\nsite = "prostate"\n'


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse_scenario(text, "my.toml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[breathing]\nperiod_s = 0\n", "breathing.period_s = 0 is impossible: it must be at least 0.5"),
        ("[plan]\ndose_gy = -2.0\n", "plan.dose_gy = -2.0 is impossible: it must be greater than 0"),
        ('[plan]\ndose_gy = "2"\n', "plan.dose_gy = \"2\" is impossible: it must be a number"),
        ("[plan]\ndose_gy = true\n", "it must be a number"),
        ("[plan]\ndose_gy = nan\n", "it must be a finite number"),
        ("[breathing]\nperiods = 4\n", "breathing.periods is not a key of scenarios: did you mean period_s?"),
        ("[coffee]\nsugar = 1\n", "coffee is not a key of scenarios: known here are title, about, seed"),
        ("[set_up]\nrandom_mm = [1, 2]\n", "set_up.random_mm[3] is missing: add it"),
        ("[set_up]\nrandom_mm = [1, 2, -3]\n", "random_mm[3] = -3 is impossible: it must be at least 0"),
        ("[set_up]\nrandom_mm = 3\n", "it must be a list in square brackets"),
        ("[[faults]]\nname = 'gone'\n", "faults[1].name = \"gone\" is not known: choose one of 'image-lost'"),
        ("[[faults]]\nname = 'link-broken'\n", "faults[1]: the fault 'link-broken' needs a device"),
        ("[[faults]]\nname = 'image-lost'\nfraction = 2\n", "faults names fraction 2, but there are 1"),
        ("[[faults]]\nname = 'image-lost'\nwhen = 3\n", "faults[1].when is not a key of scenarios"),
        ("[[expect]]\nends = 'well'\n", "\"well\" is not known: choose one of 'closed', 'stopped'"),
        ("[[expect]]\n[[expect]]\n", "expect says two things of one fraction"),
        ("[neck]\nrandom_deg = [11, 0, 0]\n", "neck.random_deg[1] = 11 is impossible: it must be at most 10"),
        ("[breathing]\n[prostate_motion]\n", "breathing and prostate_motion cannot both move the target"),
        ("[room.console]\ndecision_s = -1\n", "room.console.decision_s = -1 is impossible: it must be"),
        ("[room]\ncouch = 3\n", "room.couch = 3 is impossible: it must be a table of keys"),
    ],
)  # fmt: skip
def test_a_wrong_scenario_is_answered_with_its_key_and_what_is_allowed(text: str, said: str) -> None:
    sentence = refused(HEAD + text)

    assert sentence.startswith("my.toml: ")
    assert said in sentence
    assert "\n" not in sentence


def test_a_site_that_does_not_exist_is_answered_with_those_that_do() -> None:
    sentence = refused('title = "A test"\n[patient]\nsite = "knee"\n')
    assert (
        "patient.site = \"knee\" is not known: choose one of 'prostate', 'lung', 'head-neck', 'liver'"
        in sentence
    )


@pytest.mark.parametrize(
    "patient", ["", '[patient]\nsite = "lung"\nct = "export"\n', "[patient]\nseed = 1\n"]
)
def test_a_scenario_has_exactly_one_patient(patient: str) -> None:
    assert "patient" in refused('title = "A test"\n' + patient)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fixed_mm = [1, 2, 300]", "set_up.fixed_mm[3] = 300 is impossible: it must be at most 100"),
        (
            "fixed_deg = [1, 2, 3]\nrandom_mm = [0, 0, 0]",
            "fixed_deg says how the patient lies in every fraction, random_mm that it is drawn: leave one",
        ),
        (
            "fixed_mm = [1, 2, 3]\nfixed_fractions = [2]",
            "set_up.fixed_fractions names fraction 2, but there are 1",
        ),
        ("fixed_mm = [1, 2, 3]\nfixed_fractions = []", "fixed_fractions needs numbers of fractions"),
        ("fixed_fractions = [1]", "beside it fixed_mm or fixed_deg"),
        ("fixed_mm = [1, 2, 3]\nfixed_fractions = [0]", "set_up.fixed_fractions[1] = 0 is impossible"),
    ],
)
def test_a_set_up_error_is_drawn_or_fixed(text: str, said: str) -> None:
    assert said in refused(f"{HEAD}[set_up]\n{text}\n")


@pytest.mark.parametrize("key", ["seed = 1", "voxel_mm = [2.0, 2.0, 2.0]"])
def test_a_ct_is_what_it_is(key: str) -> None:
    sentence = refused(f'title = "A test"\n[patient]\nct = "export"\n{key}\n')
    assert f"patient: {key.partition(' ')[0]} is of a built-in patient: leave it out beside ct" in sentence


def test_several_mistakes_are_counted_and_the_misspelt_key_comes_first() -> None:
    sentence = refused('titel = "A test"\n[patient]\nsite = "lung"\n')
    assert sentence == "my.toml: titel is not a key of scenarios: did you mean title?; 1 more like this"


def test_what_is_not_toml_is_answered_with_the_line() -> None:
    with pytest.raises(UnreadableError, match=r"my.toml is not valid TOML .*line 1"):
        parse_scenario("title = \nfractions = 2", "my.toml")


def test_a_date_is_no_title() -> None:
    assert "title = 2026-01-01 is impossible: it must be a text in quotes" in refused(
        'title = 2026-01-01\n[patient]\nsite = "lung"\n'
    )


class TestLoading:
    def test_a_missing_file_is_answered_with_the_nearest_name_that_ships(self) -> None:
        with pytest.raises(MissingEvidenceError, match="did you mean image-lost"):
            load_scenario("image-lst")
        with pytest.raises(MissingEvidenceError, match="--list"):
            load_scenario("qqqq.toml")

    def test_what_cannot_be_read_is_one_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
        for path in (tmp_path, tmp_path / "binary.toml", "nul\0name"):
            with pytest.raises(InputError):
                load_scenario(str(path))

    def test_a_ct_folder_is_looked_for_beside_the_file(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.toml"
        file.write_text('title = "Mine"\n[patient]\nct = "export"\n', encoding="utf-8")
        assert load_scenario(str(file)).patient.ct == str(tmp_path / "export")

    def test_the_mark_that_windows_editors_put_first_is_no_error(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.toml"
        file.write_text(HEAD, encoding="utf-8-sig")
        assert load_scenario(str(file)).patient.site == "prostate"

    def test_an_empty_name_of_a_ct_folder_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"patient\.ct"):
            parse_scenario('title = "Mine"\n[patient]\nct = ""\n', "mine.toml")

    def test_a_built_in_patient_stays_as_it_is(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.toml"
        file.write_text(HEAD, encoding="utf-8")
        assert load_scenario(str(file)).patient.site == "prostate"

    @pytest.mark.parametrize("name", shipped_scenarios())
    def test_every_scenario_that_ships_is_sound_says_what_it_shows_and_what_is_expected(
        self, name: str
    ) -> None:
        scenario = load_scenario(name)
        assert scenario.about.strip()
        assert scenario.expect
        course_settings(scenario)
        fraction_limits(scenario)
        room_settings(scenario, 1)

    def test_every_fault_that_there_is_ships_as_a_scenario(self) -> None:
        shipped = [fault for name in shipped_scenarios() for fault in scenario_faults(load_scenario(name))]
        assert {fault.name for fault in shipped} == set(FAULTS)
        assert {fault.device for fault in shipped if fault.name == "link-broken"} == {
            "imager",
            "couch",
            "beam",
            "monitor",
        }

    def test_every_site_ships_as_a_scenario(self) -> None:
        sites = {load_scenario(name).patient.site for name in shipped_scenarios()}
        assert sites == {"prostate", "lung", "head-neck", "liver"}


class TestDocuments:
    PAGES = sorted(
        page
        for page in (Path(__file__).parents[2] / "docs").rglob("*.md")
        if page.name not in ("write-a-protocol.md", "monitor-the-beam.md", "fit-a-machine.md")
    )

    @pytest.mark.parametrize("text", [t for page in PAGES for t in TOML.findall(page.read_text("utf-8"))])
    def test_every_scenario_that_a_page_shows_is_sound(self, text: str) -> None:
        parse_scenario(text, "a page")

    def test_the_page_says_who_has_the_anatomy_for_a_key(self) -> None:
        page = (Path(__file__).parents[2] / "docs" / "how-to" / "run-a-scenario.md").read_text("utf-8")
        rows = dict(re.findall(r"^\| `([a-z_.]+)` \| .* \| ([a-z, -]+) \|$", page, re.MULTILINE))
        assert rows.pop("organs.weight_loss_mm") == "all"
        assert rows == {key: ", ".join(sites) for key, sites in SITES_WITH.items()}

    def test_every_scenario_that_a_page_names_ships(self) -> None:
        text = "".join(page.read_text("utf-8") for page in self.PAGES)
        named = set(re.findall(r"isoguide simulate ([a-z][\w-]+)(?!\S)", text))
        assert named
        assert named <= set(shipped_scenarios())


class TestSchema:
    def test_the_published_schema_is_that_of_the_models(self) -> None:
        jsonschema.Draft202012Validator.check_schema(scenario_schema())
        assert PUBLISHED.read_text(encoding="utf-8") == schema_text()

    def test_it_describes_what_ships(self) -> None:
        validator = jsonschema.Draft202012Validator(scenario_schema())
        for name in shipped_scenarios():
            validator.validate(json.loads(load_scenario(name).model_dump_json(exclude_unset=True)))

    @pytest.mark.parametrize(
        ("section", "settings"),
        [
            (SetUpSection, SetUpErrors),
            (OrganSection, OrganChanges),
            (NeckSection, NeckFlexion),
            (BreathingSection, Breathing),
            (ProstateMotionSection, ProstateMotion),
        ],
    )
    def test_a_section_has_the_keys_and_defaults_of_the_settings_it_becomes(self, section, settings) -> None:
        assert section().model_dump() == {item.name: item.default for item in fields(settings)}

    def test_room_and_limits_have_the_defaults_of_their_settings(self) -> None:
        limits, couch = FractionLimits(), CouchSettings()
        for name, value in CouchSection():
            assert value == getattr(couch, name)
        for name, value in ConsoleSection():
            assert value == getattr(ConsoleSettings(), name)
        for name, value in LimitsSection():
            assert value == getattr(limits.couch if name == "degrees_of_freedom" else limits, name)
        assert PlanSection().meterset_mu == BeamSettings().planned_mu


class TestSettings:
    def test_sections_that_are_absent_leave_the_patient_as_planned(self) -> None:
        settings = course_settings(parse_scenario(HEAD, "x"))
        assert (settings.organs, settings.neck, settings.breathing, settings.prostate) == (None,) * 4

    def test_what_a_scenario_says_arrives(self) -> None:
        scenario = parse_scenario(
            HEAD
            + "[breathing]\nperiod_s = 5.0\n[limits]\nimages = 2\ndegrees_of_freedom = 4\n"
            + "[room.imaging]\nmodel = 'physical'\nfirst_fraction = 'image-domain'\nsag_mm = 0.5\n"
            + "[room.couch]\nbacklash_mm = 0.4\n[plan]\nmeterset_mu = 111.0\n",
            "x",
        )
        limits = fraction_limits(scenario)

        assert course_settings(scenario).breathing == Breathing(period_s=5.0)
        assert (limits.images, limits.couch.degrees_of_freedom) == (2, 4)
        assert [room_settings(scenario, number).imaging.model for number in (1, 2)] == [
            "image-domain",
            "physical",
        ]
        assert room_settings(scenario, 1).imaging.sag_mm == 0.5
        assert room_settings(scenario, 1).couch.backlash_mm == 0.4
        assert room_settings(scenario, 1).beam.planned_mu == 111.0

    def test_a_fraction_is_expected_to_close_unless_something_else_is_said(self) -> None:
        text = "[[expect]]\nfraction = 1\nends = 'stopped'\n[[expect]]\nresidual_mm = 1.0\n"
        scenario = parse_scenario("fractions = 2\n" + HEAD + text, "x")

        assert scenario.expected(1).ends == "stopped"
        assert scenario.expected(2).residual_mm == 1.0
        assert parse_scenario(HEAD, "x").expected(1).ends == "closed"

    def test_nothing_of_a_scenario_can_be_changed_afterwards(self) -> None:
        scenario = parse_scenario(HEAD, "x")
        with pytest.raises(ValueError, match="frozen"):
            scenario.seed = 4
        assert isinstance(scenario, Scenario)
