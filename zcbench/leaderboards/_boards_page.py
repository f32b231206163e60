"""Tables as one self-contained HTML file: no script, no network, opens from ``file://``."""

from __future__ import annotations

import html
from collections.abc import Sequence

from zcbench._display import plain
from zcbench.evaluation import Board
from zcbench.evaluation._board import html_table

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>zcbench · {title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0 auto; max-width: 80rem; padding: 1.5rem; font: 15px/1.5 system-ui, sans-serif; }}
div {{ overflow-x: auto; }} p, li {{ max-width: 60rem; }} ul {{ font-size: .9em; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .35rem .6rem; border-bottom: 1px solid #8886; white-space: nowrap; }}
p, li {{ overflow-wrap: anywhere; }}
@page {{ size: A4; margin: 12mm; }}
@media print {{ :root {{ color-scheme: light; }} body {{ padding: 0; font-size: 9pt; }} div {{ overflow: visible; }}
  table {{ font-size: 7.5pt; }} th, td {{ white-space: normal; padding: .2rem .25rem; }}
  tr {{ break-inside: avoid; }} }}
@media (max-width: 44rem) {{ body {{ padding: 1rem; }}
  th, td {{ white-space: normal; padding: .25rem; font-size: .85em; }} }}
</style>
</head>
<body>
<h1>{title}</h1>
"""


def boards_to_html(title: str, boards: Sequence[Board]) -> str:
    """Return a page with several tables, each with its headline and notes.

    Args:
        title: of the page.
        boards: the tables, in order.
    """
    head = _HEAD.format(title=html.escape(plain(title)))
    return head + "\n".join(html_table(board) for board in boards) + "</body>\n</html>\n"
