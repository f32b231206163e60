"""Print a constraints file of the lowest versions that pyproject.toml allows: ``python tools/lowest_versions.py``.

``make test-lowest`` installs these versions and runs the tests with them.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:\[[^\]]*\])?\s*>=\s*(?P<version>[\w.]+)\s*(?:;\s*(?P<marker>.+))?")


def lowest(requirements: Iterable[str]) -> list[str]:
    """Return a line ``name==version`` for each requirement ``name>=version``; markers are kept.

    Raises:
        ValueError: a requirement has no lower bound, or more than one.
    """
    lines = []
    for requirement in requirements:
        found = _REQUIREMENT.fullmatch(requirement.strip())
        if found is None:
            raise ValueError(f"{requirement!r}: write it as  name>=version")
        marker = f"; {found['marker']}" if found["marker"] else ""
        lines.append(f"{found['name']}=={found['version']}{marker}")
    return sorted(lines)


def requirements_of(project: Path) -> list[str]:
    """Return the requirements of a pyproject.toml: core, every extra and the group of the tests."""
    content = tomllib.loads(project.read_text(encoding="utf8"))
    own = content["project"]["name"]
    extras = content["project"].get("optional-dependencies", {})
    groups = content.get("dependency-groups", {})
    found = [*content["project"]["dependencies"], *groups.get("test", [])]
    found += [one for several in extras.values() for one in several]
    return list(dict.fromkeys(one for one in found if not one.startswith(f"{own}[")))


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest(requirements_of(Path(__file__).parent.parent / "pyproject.toml"))) + "\n")
