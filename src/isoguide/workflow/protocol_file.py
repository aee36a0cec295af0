"""Protocol files: TOML on disk, checked key by key, refused in one sentence that names the key."""

from dataclasses import asdict, dataclass, fields, is_dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

import isoguide
from isoguide.course import Protocol
from isoguide.errors import InputError
from isoguide.treatment.protocol_limits import gate_settings
from isoguide.workflow.protocol_sections import DoseSection, ProtocolFile
from isoguide.workflow.protocol_words import numbers_without_source, protocol_words
from isoguide.workflow.strict_toml import FileKind

SCHEMA_FILE: Final = "protocol-1.json"
DOCUMENT_VERSION: Final = "1.1"
"""Major: a reader of the previous one may break. Minor: fields were added."""
_KIND: Final = FileKind(
    noun="protocol",
    model=ProtocolFile,
    folder=resources.files("isoguide.workflow").joinpath("protocols"),
    listed_by="isoguide protocol list",
)


@dataclass(frozen=True, slots=True)
class LoadedProtocol:
    """A protocol, the text that it was written in, and where that came from: a file or a shipped name."""

    protocol: Protocol
    text: str
    source: str


class ProtocolDocument(BaseModel):
    """What ``isoguide protocol check --json`` prints."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    schema_version: str
    version: str = Field(description="Of isoguide.")
    source: str = Field(description="The file, or the name of a protocol that ships.")
    protocol: ProtocolFile = Field(description="Every value that counts, defaults included.")
    words: tuple[str, ...] = Field(description="The same in sentences.")
    without_source: tuple[str, ...] = Field(
        description="Keys of numbers that do not say where they come from."
    )


def shipped_protocols() -> tuple[str, ...]:
    """Names of the protocols that come with isoguide, in alphabetical order."""
    return _KIND.shipped()


def load_protocol(name_or_path: str) -> LoadedProtocol:
    """Read a protocol of the user, or one of :func:`shipped_protocols` by its name.

    Raises
    ------
    MissingEvidenceError
        If there is no such file and no such shipped protocol.
    UnreadableError
        If the file is not TOML.
    InputError
        If a key is unknown, a value impossible, or two contradict each other; the sentence names them.
    """
    text, source = _KIND.text(name_or_path), str(Path(name_or_path))
    return LoadedProtocol(parse_protocol(text, source), text, source)


def parse_protocol(text: str, source: str) -> Protocol:
    """Check the text of a protocol; ``source`` is how errors call it.

    Raises
    ------
    UnreadableError, InputError
        As :func:`load_protocol`.
    """
    written = _KIND.parse(text, source)
    try:
        protocol = written.protocol()
        if protocol.monitoring is not None:
            gate_settings(protocol)  # what no gate may do is refused today, not with the patient on the table
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    return protocol


def written_protocol(protocol: Protocol) -> ProtocolFile:
    """Return a protocol as a file would say it, with every value that counts: the inverse of reading one."""
    said = {item.name: _plain(getattr(protocol, item.name)) for item in fields(protocol)}
    counts = ("kind", *protocol.schedule.counts)
    said["schedule"] = {name: getattr(protocol.schedule, name) for name in counts}
    said["sources"] = dict(protocol.sources)
    said["dose"] = None if protocol.dose is None else DoseSection.of(protocol.dose).model_dump()
    return ProtocolFile.model_validate(said)


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def protocol_document(loaded: LoadedProtocol) -> dict[str, Any]:
    """Describe a protocol as plain values for JSON; :class:`ProtocolDocument` says what they are."""
    document = ProtocolDocument(
        schema_version=DOCUMENT_VERSION,
        version=isoguide.__version__,
        source=loaded.source,
        protocol=written_protocol(loaded.protocol),
        words=protocol_words(loaded.protocol),
        without_source=numbers_without_source(loaded.protocol),
    )
    # What was left unset means nothing for its schedule.
    return document.model_dump(mode="json", exclude_unset=True)


def protocol_schema() -> dict[str, Any]:
    """Return the published JSON schema (draft 2020-12) of protocol files."""
    return _KIND.schema()


def schema_text() -> str:
    """Write the schema as the file ``docs/schema/protocol-1.json`` holds it."""
    return _KIND.schema_text()
