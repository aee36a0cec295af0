"""The protocols of a department: every version in use, in plain sentences, and how many are treated by it."""

from collections import Counter
from dataclasses import dataclass

from isoguide.course import Protocol
from isoguide.errors import UnknownNameError
from isoguide.records import Records, StoredProtocol
from isoguide.workflow.protocol_file import parse_protocol


@dataclass(frozen=True, slots=True)
class ProtocolInUse:
    """A version of a protocol, and whether it is the newest of its name: new courses are treated by that."""

    stored: StoredProtocol
    protocol: Protocol
    text: str
    is_newest: bool
    courses: int


def protocols_in_use(records: Records) -> tuple[ProtocolInUse, ...]:
    """Return all versions of all protocols, by name, the newest version first.

    Raises
    ------
    UnreadableError
        If one of them is not what was stored.
    """
    treated = Counter(line.protocol for line in records.courses())
    found = sorted(records.protocols(), key=lambda one: (one.name, -one.version))
    newest = {one.name: one.version for one in reversed(found)}
    return tuple(_in_use(records, one, treated, is_newest=newest[one.name] == one.version) for one in found)


def protocol_in_use(records: Records, name: str, version: int) -> ProtocolInUse:
    """Return one version of a protocol.

    Raises
    ------
    UnknownNameError
        If there is none.
    """
    for one in protocols_in_use(records):
        if (one.stored.name, one.stored.version) == (name, version):
            return one
    msg = f"there is no protocol '{name}' v{version} here: look at the list of protocols"
    raise UnknownNameError(msg)


def _in_use(
    records: Records, stored: StoredProtocol, treated: Counter[str], *, is_newest: bool
) -> ProtocolInUse:
    text = records.protocol_text(stored.name, stored.version)
    protocol = parse_protocol(text, f"protocol {stored.name} v{stored.version}")
    return ProtocolInUse(stored, protocol, text, is_newest, treated[protocol.label])
