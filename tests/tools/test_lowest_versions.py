"""The constraints of the lowest versions hold all that pyproject.toml asks for."""

import tomllib
from pathlib import Path

import pytest
from lowest_versions import lowest, requirements_of

ROOT = Path(__file__).parents[2]


def test_bounds_become_versions():
    wanted = ["numpy>=2.0", "x-cpu>=3.0; sys_platform == 'linux'", "tool[extra] >= 1.2.3"]
    assert lowest(wanted) == ["numpy==2.0", "tool==1.2.3", "x-cpu==3.0; sys_platform == 'linux'"]
    for odd in ("numpy", "numpy>=2,<3", "numpy==2"):
        with pytest.raises(ValueError, match="write it as  name>=version"):
            lowest([odd])


def test_every_requirement_of_the_project_has_one_bound():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))
    found = lowest(requirements_of(ROOT / "pyproject.toml"))
    names = [line.partition("==")[0] for line in found]
    assert len(names) == len(set(names))  # one bound each
    assert {"torch", "numpy", "lightgbm", "pytest", "tabpfn"} <= set(names) and "zcbench" not in names
    assert len(found) >= len(project["project"]["dependencies"]) + len(project["project"]["optional-dependencies"]) - 1
