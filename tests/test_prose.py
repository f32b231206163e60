"""The words of the list in CONTRIBUTING.md occur in no documentation, docstring or message."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "CONTRIBUTING.md"
HEADER = "| we do not write | we write |"
#: terms of the field, and names, that contain a word of the list
ALLOWED = (
    "besides",
    "data leak",
    "(?:skipped|left out)",  # reads stores of earlier versions
)


@functools.cache
def words() -> tuple[str, ...]:
    """Read the words of the first column of the table in the guide."""
    rows = GUIDE.read_text(encoding="utf-8").split(HEADER)[1].split("\n\n")[0].splitlines()[2:]
    cells = (row.split("|")[1] for row in rows)
    return tuple(word.strip() for cell in cells for word in cell.split(",") if word.strip())


@functools.cache
def pattern() -> re.Pattern[str]:
    """Compile a pattern for all words, with the endings of plurals and verbs, in any case and across line breaks."""
    each = "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in sorted(words(), key=len, reverse=True))
    return re.compile(rf"(?<![\w.-])(?:{each})(?:s|ed|ing|'s)?(?![\w-])", re.IGNORECASE)


def found(text: str) -> list[str]:
    """Return the words of the list in a text, without those in code spans and allowed terms."""
    text = re.sub(r"``.+?``|`[^`\n]*`", "``", text, flags=re.DOTALL)
    for term in ALLOWED:
        text = re.sub(re.escape(term), "", text, flags=re.IGNORECASE)
    return [" ".join(match.group().split()) for match in pattern().finditer(text)]


def prose_of_markdown(text: str) -> Iterator[tuple[int, str]]:
    """Yield number of the first line and text of each paragraph, without fenced code and the list itself."""
    text = re.sub(r"^( *)(```+|~~~+).*?^\1\2[^\n]*$", blank, text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(re.escape(HEADER) + r".*?(?=\n\n|\Z)", blank, text, flags=re.DOTALL)
    line = 1
    for paragraph in text.split("\n\n"):
        yield line, paragraph
        line += paragraph.count("\n") + 2


def blank(match: re.Match[str]) -> str:
    """Return the line breaks of a match, so that line numbers do not change."""
    return "\n" * match.group().count("\n")


def prose_of_python(text: str) -> Iterator[tuple[int, str]]:
    """Yield number of the line and text of docstrings and of all other texts with a blank."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, node.value


def paths() -> list[Path]:
    """List the documentation and the modules of zcbench."""
    pages = [GUIDE, ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [*pages, *sorted((ROOT / "zcbench").rglob("*.py"))]


@pytest.mark.parametrize(
    "top", ["docs", *sorted(p.name for p in (ROOT / "zcbench").iterdir() if p.name != "__pycache__")]
)
def test_no_word_of_the_list(top):
    problems = []
    for path in paths():
        name = path.relative_to(ROOT).as_posix()
        if (name.split("/")[1] if name.startswith("zcbench/") else "docs") != top:
            continue
        read = prose_of_python if path.suffix == ".py" else prose_of_markdown
        for line, text in read(path.read_text(encoding="utf-8")):
            problems += [f"{name}:{line}: {word!r}" for word in found(text)]
    assert not problems, "\n".join(["words of the list in CONTRIBUTING.md:", *problems])


def test_the_list_is_read_and_its_words_are_found():
    assert len(words()) > 25
    for word in words():
        assert found(f"It {word} now.") == [word]
        assert found(f"It `{word}` now.") == found(f"It ``{word}`` now.") == []
    assert found("Two twins, and a stranger's proxy; it goes\non.") == ["twins", "stranger's", "goes on"]
    assert found("recommended, crossover, sees-saw, data leaks") == []


def test_code_and_the_list_itself_are_not_prose():
    page = f"A twin.\n\n```\na twin\n```\n\n{HEADER}\n|:---|:---|\n| twin | x |\n\n  ```\n  twin\n  ```\n\nLast twin."
    assert [(line, found(text)) for line, text in prose_of_markdown(page) if found(text)] == [
        (1, ["twin"]),
        (15, ["twin"]),
    ]
    code = 'def f():\n    """Mend it."""\n    raise ValueError(f"a twin of {x}")  # anew\n'
    assert sorted((line, found(text)) for line, text in prose_of_python(code)) == [(2, ["Mend"]), (3, ["twin"])]
