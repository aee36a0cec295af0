"""Scenario files: TOML on disk, checked key by key, refused in one sentence that names the key."""

from importlib import resources
from pathlib import Path
from typing import Any, Final

from isoguide.workflow.scenario import Scenario
from isoguide.workflow.strict_toml import FileKind

SCHEMA_FILE: Final = "scenario-1.json"
_KIND: Final = FileKind(
    noun="scenario",
    model=Scenario,
    folder=resources.files("isoguide.workflow").joinpath("scenarios"),
    listed_by="isoguide simulate --list",
)


def shipped_scenarios() -> tuple[str, ...]:
    """Names of the scenarios that come with isoguide, in alphabetical order."""
    return _KIND.shipped()


def load_scenario(name_or_path: str) -> Scenario:
    """Read a scenario of the user, or one of :func:`shipped_scenarios` by its name.

    A CT folder that the file names relatively is looked for beside the file.

    Raises
    ------
    MissingEvidenceError
        If there is no such file and no such shipped scenario.
    UnreadableError
        If the file is not TOML.
    InputError
        If a key is unknown or a value impossible; the sentence names the key and what is allowed.
    """
    scenario = parse_scenario(_KIND.text(name_or_path), str(Path(name_or_path)))
    ct = scenario.patient.ct
    if ct is None:
        return scenario
    beside = scenario.patient.model_copy(update={"ct": str(Path(name_or_path).parent / ct)})
    return scenario.model_copy(update={"patient": beside})


def parse_scenario(text: str, source: str) -> Scenario:
    """Check the text of a scenario; ``source`` is how errors call it.

    Raises
    ------
    UnreadableError, InputError
        As :func:`load_scenario`.
    """
    return _KIND.parse(text, source)


def scenario_schema() -> dict[str, Any]:
    """Return the published JSON schema (draft 2020-12) of scenario files."""
    return _KIND.schema()


def schema_text() -> str:
    """Write the schema as the file ``docs/schema/scenario-1.json`` holds it."""
    return _KIND.schema_text()
