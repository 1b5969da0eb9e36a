"""A message as a document of a few parts, and its two forms: plain text, and HTML that mail programs can show. Pure.

Mail programs know tables and inline styles: Outlook lays out with Word, webmail drops style sheets. So every colour
stands at its element, and the style sheet only turns them for a dark screen. Nothing is fetched from anywhere: the
picture comes with the mail, and its text says the same for who does not see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

Tone = Literal["doubt", "fall", "good", "plain"]
COLOURS: dict[Tone, str] = {"doubt": "#8a4b00", "fall": "#b3261e", "good": "#146c2e", "plain": "#1f4e8c"}
WIDTH = 600
INK, SOFT, PAPER, EDGE, GROUND = "#1b1b1f", "#4d5156", "#ffffff", "#d5d8dd", "#f2f3f5"
FONT = "font-family:'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"

_PLAIN = 'role="presentation" cellpadding="0" cellspacing="0" border="0"'
_HEAD = "margin:0;line-height:1.35;font-weight:bold"
_DARK = """
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
  .ground { background: #16181c !important; }
  .paper { background: #22252a !important; }
  .ink { color: #f0f1f3 !important; }
  .soft { color: #c3c7cd !important; }
  .edge { border-color: #3c4047 !important; }
  .link { color: #9cc4ff !important; }
  .doubt { color: #ffc078 !important; } .fall { color: #ffaaa3 !important; }
  .good { color: #8ee0a4 !important; } .plain { color: #9cc4ff !important; }
}
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG that is sent with the message under its `cid`; `alt` tells the same. Shown `width` by `height`."""

    cid: str
    png: bytes
    alt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Row:
    """A fact: what it is, its figure, and what goes with the figure."""

    label: str
    figure: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """`main`: the one that asks for an answer."""

    label: str
    address: str
    main: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Some sentences under a heading, with links to go on from them."""

    title: str
    lines: tuple[str, ...]
    links: tuple[Link, ...] = ()
    tone: Tone | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """What a message says, in the order in which it is read. `banner`: "" where the data are real."""

    language: str
    subject: str
    banner: str
    greeting: str
    tone: Tone
    lead: tuple[str, ...]
    picture: Picture | None
    rows: tuple[Row, ...]
    links: tuple[Link, ...]
    sections: tuple[Section, ...]
    about: tuple[str, ...]


def as_text(letter: Letter) -> str:
    """Plain text: paragraphs with a blank line between them."""
    paragraphs = [
        letter.banner,
        letter.greeting,
        *letter.lead,
        "\n".join(_row_as_text(row) for row in letter.rows),
        "\n".join(_link_as_text(link) for link in letter.links),
        *(
            "\n".join([section.title, *(f"- {line}" for line in section.lines), *map(_link_as_text, section.links)])
            for section in letter.sections
        ),
        letter.picture.alt if letter.picture else "",
        *letter.about,
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def _row_as_text(row: Row) -> str:
    return f"{row.label}: {row.figure}{', ' if row.detail else ''}{row.detail}"


def _link_as_text(link: Link) -> str:
    return f"{link.label}: {link.address}"


def as_html(letter: Letter) -> str:
    """One column of `WIDTH`, narrower on a phone."""
    ground = f"background:{GROUND}"
    edge = f"border:1px solid {EDGE};border-top:6px solid {COLOURS[letter.tone]}"
    paper = f"max-width:{WIDTH}px;background:{PAPER};{edge};text-align:left"
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="{letter.language}"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="supported-color-schemes" content="light dark">',
            f"<title>{escape(letter.subject)}</title><style>{_DARK}</style></head>",
            f'<body class="ground" style="margin:0;padding:0;{ground};{FONT}">',
            f'<table {_PLAIN} class="ground" width="100%" style="{ground}">',
            '<tr><td align="center" style="padding:12px 8px">',
            f'<!--[if mso]><table {_PLAIN} width="{WIDTH}"><tr><td><![endif]-->',
            f'<table {_PLAIN} class="paper" width="100%" style="{paper}">',
            *_cells(letter),
            "</table>",
            "<!--[if mso]></td></tr></table><![endif]-->",
            "</td></tr></table>",
            "</body></html>",
            "",
        ]
    )


def _cells(letter: Letter) -> list[str]:
    first, *others = letter.lead
    made: list[str] = []
    if letter.banner:
        made.append(_cell(_p(letter.banner, "ink", f"color:{INK};font-size:14px;font-weight:bold"), "16px 20px 0"))
    made.append(_cell(_p(letter.greeting, "soft", f"color:{SOFT};font-size:15px"), "16px 20px 0"))
    lead = [
        f'<h1 class="{letter.tone}" style="{_HEAD};color:{COLOURS[letter.tone]};font-size:20px">{escape(first)}</h1>'
    ]
    lead += [_p(line, "ink", f"color:{INK};font-size:16px;padding-top:8px") for line in others]
    made.append(_cell("".join(lead), "8px 20px 4px"))
    if letter.picture:
        made.append(_cell(_image(letter.picture), "12px 20px 4px"))
    if letter.rows:
        made.append(_cell(_table(letter.rows), "4px 20px"))
    if letter.links:
        made.append(_cell(_buttons(letter.links), "12px 20px 8px"))
    made += [_cell(_section(section), "8px 20px 10px") for section in letter.sections]
    about = "".join(_p(line, "soft", f"color:{SOFT};font-size:13px;padding-bottom:6px") for line in letter.about)
    edge = f"border-top:1px solid {EDGE};"
    made.append(f'<tr><td class="edge" style="{edge}padding:12px 20px 16px">{about}</td></tr>')
    return made


def _cell(content: str, padding: str) -> str:
    return f'<tr><td style="padding:{padding}">{content}</td></tr>'


def _p(text: str, kind: str, style: str) -> str:
    return f'<p class="{kind}" style="margin:0;line-height:1.5;{style}">{escape(text)}</p>'


def _image(picture: Picture) -> str:
    return (
        f'<img src="cid:{picture.cid}" width="{picture.width}" height="{picture.height}" alt="{escape(picture.alt)}"'
        f' style="display:block;width:100%;max-width:{picture.width}px;height:auto;border:0;background:#ffffff;'
        f'color:{INK};font-size:13px;line-height:1.4">'
    )


def _table(rows: Sequence[Row]) -> str:
    """Label above figure: two columns would leave a phone five words a line."""
    made = [f'<table {_PLAIN} width="100%">']
    for row in rows:
        detail = f'<span class="soft" style="color:{SOFT};font-size:14px"> {escape(row.detail)}</span>'
        made.append(
            f'<tr><td class="edge" style="border-bottom:1px solid {EDGE};padding:7px 0;line-height:1.45">'
            f'<span class="soft" style="color:{SOFT};font-size:14px">{escape(row.label)}</span><br>'
            f'<span class="ink" style="color:{INK};font-size:17px;font-weight:bold">{escape(row.figure)}</span>'
            f"{detail if row.detail else ''}</td></tr>"
        )
    return "".join([*made, "</table>"])


def _buttons(links: Sequence[Link]) -> str:
    """Cells with a colour of their own: Outlook gives a link no padding."""
    made = []
    for link in links:
        back, ink = (COLOURS["plain"], "#ffffff") if link.main else ("#e4ebf5", "#12315c")
        made.append(
            f'<table {_PLAIN} style="margin:0 0 8px"><tr>'
            f'<td bgcolor="{back}" style="background:{back};border-radius:4px;padding:12px 18px">'
            f'<a href="{escape(link.address)}" style="color:{ink};font-size:16px;font-weight:bold;text-decoration:none;'
            f'display:inline-block">{escape(link.label)}</a></td></tr></table>'
        )
    return "".join(made)


def _section(section: Section) -> str:
    kind, colour = (section.tone, COLOURS[section.tone]) if section.tone else ("ink", INK)
    made = [f'<h2 class="{kind}" style="{_HEAD};color:{colour};font-size:16px">{escape(section.title)}</h2>']
    made += [_p(line, "ink", f"color:{INK};font-size:15px;padding-top:4px") for line in section.lines]
    if section.links:
        anchors = " &nbsp; ".join(
            f'<a class="link" href="{escape(link.address)}" style="color:{COLOURS["plain"]};font-size:15px">'
            f"{escape(link.label)}</a>"
            for link in section.links
        )
        made.append(f'<p style="margin:0;line-height:1.9;padding-top:2px">{anchors}</p>')
    return "".join(made)
