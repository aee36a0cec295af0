"""TOML files that people write: checked key by key, refused in one sentence that names the key.

:mod:`isoguide.workflow.scenario_file` and :mod:`isoguide.workflow.protocol_file` are the two kinds.
"""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from isoguide.errors import InputError, MissingEvidenceError, UnreadableError

SUFFIX: Final = ".toml"
_WANTED: Final = {
    "model_type": "a table of keys",
    "dict_type": "a table of keys",
    "tuple_type": "a list in square brackets",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text in quotes",
}
_Model = TypeVar("_Model", bound=BaseModel)


class Section(BaseModel):
    """A table of a file: unknown keys are refused, numbers are numbers, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class FileKind(Generic[_Model]):
    """One kind of file.

    Parameters
    ----------
    noun
        What such a file is called, "scenario"; its plural ends in "s".
    model
        What it may say.
    folder
        Where those that come with isoguide are.
    listed_by
        The command that shows them.
    """

    noun: str
    model: type[_Model]
    folder: Traversable
    listed_by: str

    def shipped(self) -> tuple[str, ...]:
        """Names of those that come with isoguide, in alphabetical order."""
        names = [entry.name for entry in self.folder.iterdir() if entry.is_file()]
        return tuple(sorted(name.removesuffix(SUFFIX) for name in names))

    def text(self, name_or_path: str) -> str:
        """Read a file of the user, or one that comes with isoguide by its name.

        Raises
        ------
        MissingEvidenceError
            If there is neither.
        UnreadableError
            If the file cannot be read as text.
        """
        if name_or_path in self.shipped():
            return self.folder.joinpath(name_or_path + SUFFIX).read_text(encoding="utf-8")
        path = Path(name_or_path)
        try:
            return path.read_text(encoding="utf-8-sig")  # Windows editors put a mark first
        except UnicodeDecodeError:
            msg = f"{path} is not text in UTF-8, so no {self.noun}: see {self.listed_by} for examples"
            raise UnreadableError(msg) from None
        except (FileNotFoundError, NotADirectoryError):
            raise MissingEvidenceError(self._unknown(path)) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            msg = f"cannot read {path} ({reason}): give a {self.noun} file, or a name from {self.listed_by}"
            raise UnreadableError(msg) from error

    def _unknown(self, path: Path) -> str:
        close = get_close_matches(path.name.removesuffix(SUFFIX), self.shipped(), n=1, cutoff=0.7)
        remedy = f"did you mean {close[0]}?" if close else f"{self.listed_by} shows those that ship"
        return f"there is no file {path} and no {self.noun} of this name: {remedy}"

    def parse(self, text: str, source: str) -> _Model:
        """Check the text of a file; ``source`` is how errors call it.

        Raises
        ------
        UnreadableError
            If it is not TOML.
        InputError
            If a key is unknown or a value impossible; the sentence names the key and what is allowed.
        """
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            msg = f"{source} is not valid TOML ({error}): correct that line"
            raise UnreadableError(msg) from error
        try:
            return self.model.model_validate(table)
        except ValidationError as error:
            raise InputError(f"{source}: {self._sentence(error)}") from None

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema (draft 2020-12) of such files."""
        schema = self.model.model_json_schema()
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}

    def schema_text(self) -> str:
        """Write the schema as it is published in ``docs/schema``."""
        return json.dumps(self.schema(), indent=2, ensure_ascii=False) + "\n"

    def _sentence(self, error: ValidationError) -> str:
        """Say the first thing that is wrong, and how many more there are."""
        problems = error.errors(include_url=False)
        # A misspelt key also leaves the right one missing: the misspelling is what the reader has to see.
        problems.sort(key=lambda problem: problem["type"] != "extra_forbidden")
        first = self._problem(dict(problems[0]))
        more = f"; {len(problems) - 1} more like this" if len(problems) > 1 else ""
        return f"{first}{more}"

    def _problem(self, problem: dict[str, Any]) -> str:
        kind, place, context = problem["type"], problem["loc"], problem.get("ctx", {})
        key = written_key(place)
        if kind == "extra_forbidden":
            return self._unknown_key(place)
        if kind == "missing":
            return f"{key} is missing: add it"
        if kind == "value_error":
            # What a model says about its keys together; it has already named them.
            said = str(context["error"])
            return f"{key}: {said}" if key else said
        found = f"{key} = {_toml(problem['input'])}"
        if kind in ("literal_error", "enum"):
            return f"{found} is not known: choose one of {context['expected'].replace(' or ', ', ')}"
        return f"{found} is impossible: {_must(kind, problem['msg'])}"

    def _unknown_key(self, place: tuple[str | int, ...]) -> str:
        known = self._keys_of(place[:-1])
        remedy = did_you_mean(str(place[-1]), known)
        return f"{written_key(place)} is not a key of {self.noun}s: {remedy}"

    def _keys_of(self, place: tuple[str | int, ...]) -> list[str]:
        model: type[BaseModel] = self.model
        for part in place:
            if isinstance(part, str):
                model = next(_models_in(model.model_fields[part].annotation))
        return list(model.model_fields)


def written_key(place: tuple[str | int, ...]) -> str:
    """Write a place as a reader of TOML would: ``faults[2].kind``, counted from 1."""
    text = ""
    for part in place:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def did_you_mean(wrong: str, known: list[str]) -> str:
    """Return the remedy for a misspelt word: the nearest known one, or all of them."""
    close = get_close_matches(wrong, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known here are {', '.join(known)}"


def _must(kind: str, message: str) -> str:
    """Turn pydantic's "Input should be ..." into what the value must be."""
    if kind in _WANTED:
        return f"it must be {_WANTED[kind]}"
    words = message.replace("Input should be", "it must be").replace("String should have", "it must have")
    return words.replace("greater than or equal to", "at least").replace("less than or equal to", "at most")


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
