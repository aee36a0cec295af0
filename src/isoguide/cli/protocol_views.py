"""What a person sees of protocols."""

import json
import sys
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from isoguide.cli.department import print_json
from isoguide.cli.terminal import console
from isoguide.records import StoredProtocol
from isoguide.workflow.protocol_file import (
    LoadedProtocol,
    load_protocol,
    protocol_document,
    shipped_protocols,
)
from isoguide.workflow.protocol_words import protocol_words, source_words


def show_protocol(loaded: LoadedProtocol, *, as_json: bool) -> None:
    """Print a protocol in sentences, and where its numbers come from."""
    if as_json:
        sys.stdout.write(json.dumps(protocol_document(loaded), indent=2, ensure_ascii=False) + "\n")
        return
    out = console()
    out.print(Text(f"{loaded.protocol.label} · {loaded.protocol.title}", style="bold"))
    for sentence in protocol_words(loaded.protocol):
        out.print(Text(f"• {sentence}"))
    out.print(Text("Where the numbers come from", style="bold"))
    for sentence in source_words(loaded.protocol):
        out.print(Text(f"• {sentence}", style="dim"))


def show_shipped(*, as_json: bool) -> None:
    """Print the protocols that ship."""
    found = [(name, load_protocol(name).protocol) for name in shipped_protocols()]
    if as_json:
        content = [{"name": name, "version": one.version, "title": one.title} for name, one in found]
        print_json("protocols", content)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, one in found:
        table.add_row(Text(name, style="bold"), f"v{one.version}", one.title)
    console().print(table)


def show_in_use(found: Sequence[StoredProtocol], *, as_json: bool) -> None:
    """Print the versions that are in the records."""
    if as_json:
        print_json("protocols", found)
        return
    table = Table("name", "version", "since", "SHA-256", box=None, pad_edge=False)
    for one in found:
        table.add_row(one.name, str(one.version), f"{one.added_at:%Y-%m-%d}", one.sha256[:12])
    console().print(table)
