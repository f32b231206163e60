"""Docstrings as the documentation site needs them: an extension of griffe, which reads them for mkdocstrings."""

from __future__ import annotations

import re
from typing import Any

import griffe


def prepared(docstring: str) -> str:
    """Return a docstring whose example is a section, and whose roles of Sphinx are plain code.

    Griffe knows ``Examples:``, whose lines it shows as a session of Python, and not ``Example:``.
    """
    docstring = re.sub(r"^(\s*)Example:$", r"\1Examples:", docstring, flags=re.M)
    return re.sub(r":[a-z]+:`~?([^`]*)`", r"`\1`", docstring)


class Prepared(griffe.Extension):
    """Prepares every docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of one object."""
        if obj.docstring:
            obj.docstring.value = prepared(obj.docstring.value)
