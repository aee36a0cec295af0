"""What a person sees of the records: the audit, and backups."""

from collections.abc import Sequence
from pathlib import PurePath

from rich.table import Table
from rich.text import Text

from isoguide.cli.department import print_json
from isoguide.cli.terminal import console
from isoguide.records import AuditEntry
from isoguide.records.backup import BackupReport
from isoguide.workflow.clinic.audit_check import AuditCheck


def show_audit(found: AuditCheck, *, as_json: bool) -> None:
    """Print whether anything was changed, and the head to note."""
    report, findings = found.report, found.findings
    if as_json:
        content = {
            "intact": not findings,
            "entries": report.entries,
            "rows": report.rows,
            "head": report.head,
            "findings": findings,
        }
        print_json("audit", content)
        return
    out = console()
    word = Text("✖ CHANGED", style="bold red") if findings else Text("✔ INTACT", style="bold green")
    out.print(word, f"{report.entries} entries, {report.rows} rows and all image files were compared")
    for finding in findings:
        out.print(Text(f"  {finding}"))
    out.print(Text(f"note this head: {report.head.seq}:{report.head.sha256}", style="dim"), soft_wrap=True)


def show_entries(entries: Sequence[AuditEntry], *, as_json: bool) -> None:
    """Print entries of the audit, oldest first."""
    if as_json:
        print_json("audit entries", entries)
        return
    table = Table("entry", "when (UTC)", "who", "what", "about", box=None, pad_edge=False)
    for one in entries:
        when = f"{one.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(str(one.seq), when, Text(one.actor), Text(one.action), Text(one.subject))
    console().print(table)


def show_backup(what: str, report: BackupReport, *, as_json: bool) -> None:
    """Print what a backup holds."""
    if as_json:
        content = {
            "folder": str(PurePath(report.folder)),
            "audit_head": report.head,
            "rows": report.rows,
            "images": report.images,
            "copied": report.copied,
        }
        print_json("backup", content)
        return
    words = (
        f"{what} {report.folder}: {report.rows} rows and {report.images} image files "
        f"({report.copied} copied), audit entry {report.head.seq}"
    )
    console().print(Text(words), soft_wrap=True)
