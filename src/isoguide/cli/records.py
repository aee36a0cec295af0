"""``isoguide db`` and ``audit``: the records, and the proof that they are whole."""

from pathlib import Path
from typing import Annotated

import typer

from isoguide.cli.endings import ACCEPTED, LOOK, one_sentence_endings
from isoguide.cli.options import PLACE, JsonOption, NoProgressOption, RecordsOption

db_app = typer.Typer(
    name="db",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Make, back up and restore the records.",
)
audit_app = typer.Typer(
    name="audit", no_args_is_help=True, rich_markup_mode="markdown", help="Prove that nothing was changed."
)


@db_app.command(name="upgrade")
def upgrade_command(records: RecordsOption = PLACE, json: JsonOption = False) -> None:
    """Make empty records, or bring older ones to this version of isoguide. Back up first.

    **Examples**

    `isoguide db upgrade`

    `isoguide db upgrade --records "postgresql://igrt@server/igrt?images=/data/images"`
    """
    with one_sentence_endings():
        from isoguide.cli.department import print_json
        from isoguide.cli.terminal import console
        from isoguide.workflow.clinic.department import upgrade_place

        is_new = upgrade_place(records)
        if json:
            print_json("upgrade", {"records": records, "made": is_new})
        else:
            console().print(
                "empty records were made" if is_new else "the records are of this version", records
            )


@db_app.command(name="backup")
def backup_command(
    target: Annotated[Path, typer.Argument(metavar="DIR", help="Where backups are collected.")],
    records: RecordsOption = PLACE,
    json: JsonOption = False,
    quiet: NoProgressOption = False,
) -> None:
    """Copy the records and their images into a new folder below DIR, while others go on working.

    **Examples**

    `isoguide db backup /media/backup/isoguide`
    """
    with one_sentence_endings():
        from isoguide.cli.records_views import show_backup
        from isoguide.cli.terminal import shown_progress
        from isoguide.records import Place
        from isoguide.records.backup import back_up

        with shown_progress(wanted=not (quiet or json)) as progress:
            report = back_up(Place.parse(records), target, progress=progress)
        show_backup("backed up to", report, as_json=json)


@db_app.command(name="restore")
def restore_command(
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="The folder of one backup.")],
    records: RecordsOption = PLACE,
    json: JsonOption = False,
    quiet: NoProgressOption = False,
) -> None:
    """Restore a backup into an empty place, after every file of it was checked.

    **Examples**

    `isoguide db restore /media/backup/isoguide/2026-03-02T080000Z --records restored/`
    """
    with one_sentence_endings():
        from isoguide.cli.records_views import show_backup
        from isoguide.cli.terminal import shown_progress
        from isoguide.records import Place
        from isoguide.records.backup import restore

        with shown_progress(wanted=not (quiet or json)) as progress:
            report = restore(source, Place.parse(records), progress=progress)
        show_backup("restored from", report, as_json=json)


@audit_app.command(name="verify")
def audit_verify_command(
    expect: Annotated[
        str | None,
        typer.Option(metavar="SEQ:SHA256", help="A head noted earlier, to see that the newest is there."),
    ] = None,
    records: RecordsOption = PLACE,
    json: JsonOption = False,
) -> None:
    """Follow the audit and compare every row with it; exits with 1 when anything was changed or is missing.

    The head that it prints, noted on paper or elsewhere, shows later that nothing was cut off.

    **Examples**

    `isoguide audit verify`

    `isoguide audit verify --expect 4711:9f2c... --json`
    """
    with one_sentence_endings():
        from isoguide.cli.department import audit_head
        from isoguide.cli.records_views import show_audit
        from isoguide.workflow.clinic.audit_check import check_audit
        from isoguide.workflow.clinic.department import open_desk

        with open_desk(records) as desk:
            found = check_audit(desk, audit_head(expect))
        show_audit(found, as_json=json)
    raise typer.Exit(LOOK if found.findings else ACCEPTED)


@audit_app.command(name="list")
def audit_list_command(
    since: Annotated[int, typer.Option(min=0, help="Only entries behind this one.")] = 0,
    records: RecordsOption = PLACE,
    json: JsonOption = False,
) -> None:
    """List the entries: when, who, what.

    **Examples**

    `isoguide audit list --since 100`
    """
    with one_sentence_endings():
        from isoguide.cli.records_views import show_entries
        from isoguide.workflow.clinic.department import open_desk

        with open_desk(records) as desk:
            entries = desk.records.audit_entries(since)
        show_entries(entries, as_json=json)
