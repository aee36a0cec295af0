"""JSON files of users: checked key by key, refused in one sentence that names the key."""

import json
import os
import secrets
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from isoguide.errors import InputError, MissingEvidenceError, OutputError, UnreadableError
from isoguide.workflow.strict_toml import written_key

_Model = TypeVar("_Model", bound=BaseModel)


def read_json(path: Path, model: type[_Model], noun: str) -> _Model:
    """Read a file as ``model``; ``noun`` is what it should be, "views file".

    Raises
    ------
    MissingEvidenceError
        If there is no such file.
    UnreadableError
        If it is not JSON.
    InputError
        If a key is unknown or missing, or a value impossible.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        msg = f"there is no {noun} {path}; correct the name"
        raise MissingEvidenceError(msg) from None
    except UnicodeDecodeError:
        msg = f"{path} is not text in UTF-8, so no {noun}; give another file"
        raise UnreadableError(msg) from None
    except OSError as error:
        msg = f"cannot read {path} ({error.strerror}); give a {noun} that can be read"
        raise UnreadableError(msg) from error
    try:
        json.loads(text, object_pairs_hook=without_doubles)
    except ValueError as error:
        msg = f"{path} is not valid JSON ({error}); correct that line"
        raise UnreadableError(msg) from error
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise InputError(f"{path}: {said_of(error)}") from None


def write_new_json(written: BaseModel, path: Path, noun: str) -> None:
    """Write a model as a file, complete or not at all; an existing one is never replaced.

    Raises
    ------
    OutputError
        If there is such a file, or the place cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.write(written.model_dump_json(indent=2, exclude_none=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        msg = f"{path} exists already, and a {noun} is never overwritten: choose another --out"
        raise OutputError(msg) from None
    except OSError as error:
        msg = f"cannot write {path} ({error.strerror or error}); choose a folder that can be written"
        raise OutputError(msg) from error
    finally:
        temporary.unlink(missing_ok=True)


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that is there twice: which of the two is meant, nobody knows."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            msg = f"the key {key} is there twice"
            raise ValueError(msg)
        found[key] = value
    return found


def schema_text(model: type[BaseModel]) -> str:
    """Write the JSON schema (draft 2020-12) of a model as it is published in ``docs/schema``."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def said_of(error: ValidationError) -> str:
    """Say in one sentence the first thing that is wrong, and how many more there are."""
    problems = error.errors(include_url=False)
    # A list whose items are wrong also counts as too short.
    problems = [problem for problem in problems if problem["type"] != "too_short"] or problems
    # A misspelt key also leaves the right one missing: the misspelling is what the reader has to see.
    problems.sort(key=lambda problem: problem["type"] != "extra_forbidden")
    more = f"; {len(problems) - 1} more like this" if len(problems) > 1 else ""
    return f"{_problem(dict(problems[0]))}{more}"


def _problem(problem: dict[str, Any]) -> str:
    kind, key = problem["type"], written_key(problem["loc"])
    if kind == "extra_forbidden":
        return f"{key} is not a key of such files: remove or correct it"
    if kind == "missing":
        return f"{key} is missing: add it"
    if kind == "value_error":
        said = str(problem["ctx"]["error"])
        return f"{key}: {said}" if key else said
    words = (
        str(problem["msg"])
        .replace("Input should be", "it must be")
        .replace("Input should have", "it must have")
    )
    return f"{key} = {json.dumps(problem['input'], ensure_ascii=False)} is impossible: {words}"
