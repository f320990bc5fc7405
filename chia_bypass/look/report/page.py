"""The page of a report: HTML around charts and tables, with everything inside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from string import Template
from typing import Final

from chia_bypass.wording import visible

_LONG: Final = 40
"""Characters up to which a cell of a table is not broken inside a word."""
_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>$title</title>
<style>
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 1400px; padding: 1rem 2rem;
  color: #222; background: #fff; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .2rem; }
p { margin: .3rem 0; color: #555; max-width: 75ch; }
nav a { margin-right: 1em; }
table { border-collapse: collapse; font-size: .9rem; margin: .5rem 0; }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; vertical-align: top;
  border-bottom: 1px solid #e4e4e4; }
td.long { overflow-wrap: anywhere; min-width: 20ch; }
td.number, th.number { text-align: right; }
.chart { width: 100%; }
</style>
<script>$script</script>
<script>
// A chart takes its time to draw: each is drawn when it is about to be seen.
function draw(place) {
  const waiting = place.querySelector("template");
  if (waiting) waiting.replaceWith(waiting.content.cloneNode(true));
}
addEventListener("DOMContentLoaded", () => {
  const seen = new IntersectionObserver(
    (places) => places.filter((one) => one.isIntersecting).forEach((one) => draw(one.target)),
    {rootMargin: "400px"},
  );
  document.querySelectorAll(".chart").forEach((place) => seen.observe(place));
});
addEventListener("beforeprint", () => document.querySelectorAll(".chart").forEach(draw));
</script>
</head>
<body>
<h1>$title</h1>
<nav>$contents</nav>
$sections
</body>
</html>
""")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page. What is in it is HTML already."""

    name: str
    """A word, for links."""
    title: str
    about: str
    """What is seen, in a sentence."""
    body: str


def page(title: str, sections: Sequence[Section], script: str) -> str:
    """The whole page; `script` is what the charts need."""
    return _PAGE.substitute(
        title=text(title),
        contents=" ".join(f'<a href="#{one.name}">{text(one.title)}</a>' for one in sections),
        sections="\n".join(map(_section, sections)),
        script=script,
    )


def _section(section: Section) -> str:
    about = f"<p>{text(section.about)}</p>\n" if section.about else ""
    return (
        f'<section id="{section.name}">\n<h2>{text(section.title)}</h2>\n{about}{section.body}\n'
        "</section>"
    )


def chart(drawing: str, height: int) -> str:
    """The HTML and the scripts that draw a chart, for when it comes into sight."""
    style = f"min-height: {height}px"
    return f'<div class="chart" style="{style}"><template>{drawing}</template></div>'


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[str] = ()
) -> str:
    """An HTML table of texts; ``numbers`` are the columns that stand to the right."""
    kinds = [' class="number"' if name in numbers else "" for name in columns]
    head = "".join(f"<th{k}>{text(name)}</th>" for k, name in zip(kinds, columns, strict=True))
    body = "\n".join(
        "<tr>" + "".join(_cell(str(c), kind) for kind, c in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _cell(shown: str, kind: str) -> str:
    if len(shown) > _LONG:  # it may be broken anywhere, and gives way to the others
        kind = ' class="long"'
    return f"<td{kind}>{text(shown)}</td>"


def text(shown: str) -> str:
    """A text as HTML."""
    return escape(visible(shown))
