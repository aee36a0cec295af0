"""Scenario files: TOML on disk, checked key by key, refused in one sentence that names the key."""

import json
import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from isoguide.errors import InputError, MissingEvidenceError, UnreadableError
from isoguide.workflow.scenario import Scenario

SCHEMA_FILE: Final = "scenario-1.json"
SUFFIX: Final = ".toml"
_WANTED: Final = {
    "model_type": "a table of keys",
    "tuple_type": "a list in square brackets",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text in quotes",
}
_SHIPPED: Final = resources.files("isoguide.workflow").joinpath("scenarios")


def shipped_scenarios() -> tuple[str, ...]:
    """Names of the scenarios that come with isoguide, in alphabetical order."""
    return tuple(sorted(entry.name.removesuffix(SUFFIX) for entry in _SHIPPED.iterdir() if entry.is_file()))


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
    if name_or_path in shipped_scenarios():
        text = _SHIPPED.joinpath(name_or_path + SUFFIX).read_text(encoding="utf-8")
        return parse_scenario(text, name_or_path)
    path = Path(name_or_path)
    scenario = parse_scenario(_text_of(path), str(path))
    ct = scenario.patient.ct
    if ct is None:
        return scenario
    beside = scenario.patient.model_copy(update={"ct": str(path.parent / ct)})
    return scenario.model_copy(update={"patient": beside})


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # Windows editors put a mark first
    except UnicodeDecodeError:
        msg = f"{path} is not text in UTF-8, so no scenario: see isoguide simulate --list for examples"
        raise UnreadableError(msg) from None
    except (FileNotFoundError, NotADirectoryError):
        raise MissingEvidenceError(_unknown_scenario(path)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        msg = f"cannot read {path} ({reason}): give a scenario file, or a name from isoguide simulate --list"
        raise UnreadableError(msg) from error


def _unknown_scenario(path: Path) -> str:
    close = get_close_matches(path.name.removesuffix(SUFFIX), shipped_scenarios(), n=1, cutoff=0.7)
    remedy = f"did you mean {close[0]}?" if close else "isoguide simulate --list shows those that ship"
    return f"there is no file {path} and no scenario of this name: {remedy}"


def parse_scenario(text: str, source: str) -> Scenario:
    """Check the text of a scenario; ``source`` is how errors call it.

    Raises
    ------
    UnreadableError, InputError
        As :func:`load_scenario`.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"{source} is not valid TOML ({error}): correct that line"
        raise UnreadableError(msg) from error
    try:
        return Scenario.model_validate(table)
    except ValidationError as error:
        raise InputError(_sentence(error, source)) from None


def scenario_schema() -> dict[str, Any]:
    """Return the published JSON schema (draft 2020-12) of scenario files."""
    schema = Scenario.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """Write the schema as the file ``docs/schema/scenario-1.json`` holds it."""
    return json.dumps(scenario_schema(), indent=2, ensure_ascii=False) + "\n"


def _sentence(error: ValidationError, source: str) -> str:
    """Say the first thing that is wrong, and how many more there are."""
    problems = error.errors(include_url=False)
    # A misspelt key also leaves the right one missing: the misspelling is what the reader has to see.
    problems.sort(key=lambda problem: problem["type"] != "extra_forbidden")
    first = _problem(dict(problems[0]))
    more = f"; {len(problems) - 1} more like this" if len(problems) > 1 else ""
    return f"{source}: {first}{more}"


def _problem(problem: dict[str, Any]) -> str:
    kind, place, context = problem["type"], problem["loc"], problem.get("ctx", {})
    key = _key(place)
    if kind == "extra_forbidden":
        return _unknown_key(place)
    if kind == "missing":
        return f"{key} is missing: add it"
    if kind == "value_error":
        # What a model says about its keys together; it has already named them.
        said = str(context["error"])
        return f"{key}: {said}" if key else said
    found = f"{key} = {_toml(problem['input'])}"
    if kind == "literal_error":
        return f"{found} is not known: choose one of {context['expected'].replace(' or ', ', ')}"
    return f"{found} is impossible: {_must(kind, problem['msg'])}"


def _must(kind: str, message: str) -> str:
    """Turn pydantic's "Input should be ..." into what the value must be."""
    if kind in _WANTED:
        return f"it must be {_WANTED[kind]}"
    words = message.replace("Input should be", "it must be").replace("String should have", "it must have")
    return words.replace("greater than or equal to", "at least").replace("less than or equal to", "at most")


def _key(place: tuple[str | int, ...]) -> str:
    """Write a place as a reader of TOML would: ``faults[2].kind``, counted from 1."""
    text = ""
    for part in place:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _unknown_key(place: tuple[str | int, ...]) -> str:
    known = _keys_of(place[:-1])
    wrong = str(place[-1])
    close = get_close_matches(wrong, known, n=1)
    remedy = f"did you mean {close[0]}?" if close else f"known here are {', '.join(known)}"
    return f"{_key(place)} is not a key of scenarios: {remedy}"


def _keys_of(place: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = Scenario
    for part in place:
        if isinstance(part, str):
            model = next(_models_in(model.model_fields[part].annotation))
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _toml(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(value)
