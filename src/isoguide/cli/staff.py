"""``isoguide staff``: who may sign, and who may sign in at the console."""

from typing import Annotated

import typer

from isoguide.cli.endings import one_sentence_endings
from isoguide.cli.options import PLACE, JsonOption, RecordsOption

staff_app = typer.Typer(
    name="staff",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Who may sign, in which role, and with which password at the console.",
)
StdinOption = Annotated[
    bool, typer.Option("--stdin", help="Read the password as one line of standard input; for scripts.")
]


@staff_app.command(name="add")
def staff_add_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The user name; it never passes on.")],
    role: Annotated[str, typer.Option(metavar="ROLE", help="therapist, physicist or oncologist.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who adds him.")],
    records: RecordsOption = PLACE,
    json: JsonOption = False,
) -> None:
    """Add somebody who may sign.

    **Examples**

    `isoguide staff add anna --role therapist --by admin`
    """
    with one_sentence_endings():
        from isoguide.cli.department import known_role, print_json
        from isoguide.cli.terminal import console
        from isoguide.course import Person
        from isoguide.workflow.clinic.department import open_desk

        person = Person(name, known_role(role))
        with open_desk(records) as desk:
            desk.records.add_person(person, by=by)
        if json:
            print_json("person", person)
        else:
            console().print(f"{person} may sign")


@staff_app.command(name="end")
def staff_end_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose right to sign ends.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    records: RecordsOption = PLACE,
    json: JsonOption = False,
) -> None:
    """Say that somebody may not sign any more; what he signed stays.

    **Examples**

    `isoguide staff end anna --by admin --reason "left the department"`
    """
    with one_sentence_endings():
        from isoguide.cli.department import print_json
        from isoguide.cli.terminal import console
        from isoguide.workflow.clinic.department import open_desk

        with open_desk(records) as desk:
            desk.records.set_active(name, is_active=False, by=by, reason=reason)
        if json:
            print_json("person", {"name": name, "is_active": False})
        else:
            console().print(f"{name} may not sign any more")


@staff_app.command(name="list")
def staff_list_command(records: RecordsOption = PLACE, json: JsonOption = False) -> None:
    """List who may sign.

    **Examples**

    `isoguide staff list --json`
    """
    with one_sentence_endings():
        from rich.table import Table

        from isoguide.cli.department import print_json
        from isoguide.cli.terminal import console
        from isoguide.workflow.clinic.department import open_desk

        with open_desk(records) as desk:
            people = desk.records.people()
        if json:
            print_json("staff", people)
            return
        table = Table("name", "role", "may sign", box=None, pad_edge=False)
        for one in people:
            table.add_row(one.person.name, one.person.role.value, "yes" if one.is_active else "no")
        console().print(table)


@staff_app.command(name="password")
def staff_password_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose password.")],
    by: Annotated[
        str, typer.Option("--by", metavar="NAME", help="Who sets it: the same person, or an administrator.")
    ],
    stdin: StdinOption = False,
    records: RecordsOption = PLACE,
    json: JsonOption = False,
) -> None:
    """Give somebody of the staff a password for the console; it is asked for twice and not shown.

    It has 12 characters or more: a sentence is easy to remember and hard to guess. Whoever is signed in with
    an earlier one is out.

    **Examples**

    `isoguide staff password anna --by admin`

    `generate-a-password | isoguide staff password anna --by admin --stdin`
    """
    with one_sentence_endings():
        from isoguide.cli.ask_password import ask_password
        from isoguide.cli.department import print_json
        from isoguide.cli.terminal import console
        from isoguide.workflow.clinic.accounts import Accounts
        from isoguide.workflow.clinic.department import open_desk

        with open_desk(records) as desk:
            desk.records.person(name)
            account = Accounts(desk.records).set_password(name, ask_password(name, stdin=stdin), by=by)
        if json:
            print_json("account", {"person": account.person, "is_administrator": account.is_administrator})
        else:
            console().print(f"{account.person} may sign in at the console")


@staff_app.command(name="administrator")
def staff_administrator_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who shall say who may sign in.")],
    role: Annotated[str, typer.Option(metavar="ROLE", help="therapist, physicist or oncologist.")],
    by: Annotated[
        str, typer.Option("--by", metavar="NAME", help="An administrator; not needed for the first one.")
    ] = "",
    stdin: StdinOption = False,
    records: RecordsOption = PLACE,
    json: JsonOption = False,
) -> None:
    """Make the first administrator of the console, or as an administrator another one.

    An administrator says at the console who may sign in. The password is asked for twice and not shown; no
    password is there before. Whoever is not on the staff is added to it.

    **Examples**

    `isoguide staff administrator "Dr. Berg" --role physicist`

    `isoguide staff administrator anna --role therapist --by "Dr. Berg"`
    """
    with one_sentence_endings():
        from isoguide.cli.ask_password import ask_password
        from isoguide.cli.department import known_role, print_json
        from isoguide.cli.terminal import console
        from isoguide.course import Person
        from isoguide.workflow.clinic.accounts import Accounts
        from isoguide.workflow.clinic.department import open_desk

        person = Person(name, known_role(role))
        with open_desk(records) as desk:
            accounts = Accounts(desk.records)
            accounts.require_may_make_administrator(by)
            accounts.make_administrator(person, ask_password(name, stdin=stdin), by=by)
        if json:
            print_json("account", {"person": person, "is_administrator": True})
        else:
            console().print(f"{person} is an administrator of the console")
