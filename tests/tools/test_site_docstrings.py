"""Docstrings as the documentation site shows them."""

import pytest

pytest.importorskip("griffe")
from site_docstrings import prepared


def test_an_example_becomes_a_section_and_roles_become_code():
    before = "Do it with :class:`Probe`.\n\n    Example:\n        >>> 1\n        1\n"
    assert prepared(before) == "Do it with `Probe`.\n\n    Examples:\n        >>> 1\n        1\n"
    assert prepared("An Example: not a section.") == "An Example: not a section."
