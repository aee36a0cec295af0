"""What every report is made of: one HTML page without a network, sections, rows of pictures, the closing."""

from collections.abc import Sequence
from html import escape
from importlib import resources

import isoguide
from isoguide.workflow.numbers import typeset
from isoguide.workflow.structure_colours import style_sheet


def page(title: str, sections: Sequence[str], *styles: str) -> str:
    """Put sections (HTML) on one page; a content security policy forbids loading anything.

    ``styles`` are names of further style sheets of this package.
    """
    folder = resources.files("isoguide.workflow")
    names = ("report.css", *styles)
    sheets = "".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{style_sheet()}{sheets}</style></head><body><main>"
        + "\n".join(text for text in sections if text)
        + "</main></body></html>\n"
    )


def heading(about: str, title: str, said: Sequence[str]) -> str:
    """Say what the page is about, whose it is, and what is known of it; empty words are left out."""
    known = " · ".join(escape(one) for one in said if one)
    return (
        f'<header><div class="brand">isoguide <span>{escape(about)}</span></div>'
        f"<h1>{escape(title)}</h1><p>{known}</p></header>"
    )


def banner(kind: str, sign: str, word: str, body: str) -> str:
    """Give the answer in a word; ``kind`` is accept, review or refused, and ``body`` HTML."""
    return (
        f'<section class="banner {kind}"><div class="word">'
        f'<span class="sign" aria-hidden="true">{sign}</span>{word}</div><div>{body}</div></section>'
    )


def warnings(lines: Sequence[str]) -> str:
    """List warnings, escaped; nothing where there are none."""
    return f'<section class="warnings"><h2>Warnings</h2>{bullets(lines)}</section>' if lines else ""


def section(title: str, body: str, *, kind: str = "") -> str:
    """Put HTML under a heading; nothing where there is nothing."""
    if not body:
        return ""
    opening = f'<section class="{kind}">' if kind else "<section>"
    return f"{opening}<h2>{escape(title)}</h2>{body}</section>"


def bullets(lines: Sequence[str]) -> str:
    """List lines of text, escaped and with true minus signs; nothing for none."""
    return "<ul>" + "".join(f"<li>{typeset(escape(line))}</li>" for line in lines) + "</ul>" if lines else ""


def picture_row(title: str, label: str, pictures: Sequence[str]) -> str:
    """Put three pictures side by side under a heading that stays with them in print."""
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    row = f'<div class="row" aria-label="{escape(label)}">{"".join(pictures)}</div>'
    return f'<div class="block">{heading}{row}</div>'


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, kind: str) -> str:
    """Build a table of cells that are HTML already."""
    head = "".join(f"<th scope='col'>{escape(title)}</th>" for title in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    titles = f"<thead><tr>{head}</tr></thead>" if any(header) else ""
    return f'<table class="{kind}">{titles}<tbody>{body}</tbody></table>'


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """Build a table of names and texts, which are escaped."""
    body = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td>{escape(value) or '–'}</td></tr>" for name, value in rows
    )
    return f'<table class="facts"><tbody>{body}</tbody></table>'


def closing() -> str:
    """Say what the page is not."""
    return (
        f"<footer><p><strong>Not a medical device.</strong> isoguide {escape(isoguide.__version__)} is "
        "research software. It must not be the only basis of a decision about a patient.</p></footer>"
    )
