"""Run the code blocks of Markdown pages, and compare or rewrite the outputs that the pages show.

``python tools/run_pages.py docs/tutorials/search.md`` runs a page and prints each output that differs. With ``--write``
it replaces the outputs. ``tests/test_docs.py`` runs all pages. A page is one session: its blocks run in order, in one
folder and one Python process.

- A block ``python`` runs. A block ``sh`` runs line by line: ``zcbench``, ``python FILE.py``, a few tools of the shell.
- A block with a title, ``python title="my.py"``, is written to that file.
- A block ``text title="Output"`` is what the block before it prints. Numbers may differ by rounding, times by anything;
  ``…`` is any text.

A comment before a block changes this:

- ``<!-- not run: reason -->``: the commands are only parsed.
- ``<!-- slow: reason -->``: the block runs only with ``--all``.
- ``<!-- shorter: budget=40 => budget=4 -->``: replacements (separated by ``;``) without ``--all``. The output is then
  not compared.
- ``<!-- before: code -->``: Python that runs first and is not shown.
- ``<!-- varies: reason -->``, before an output: it is not compared.

``<!-- commands not run: reason -->`` is for all shell blocks of the page that have no comment.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import re
import runpy
import shlex
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: width of the terminal for outputs in pages
COLUMNS = 80
#: other programs that pages may run
SHELL = ("cat", "cp", "cut", "head", "ls", "mkdir", "mv", "sort", "tail", "wc")
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S)
_COMMENT = re.compile(r"<!-- (not run|slow|shorter|before|varies):\s+((?:(?!-->).)*) -->\s*\Z", re.S)
_NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[-+]?\d+)?")
_TIME = re.compile(r"<?\d[\d.,]*(?:e[-+]?\d+)? ?(?:µs|us|ms|s|min|h)\b")


@dataclass
class Block:
    """A fenced block of a page.

    Attributes:
        page: path of the page.
        line: number of its first line.
        language: what follows the fence.
        title: its title, the name of a file or "Output".
        text: the code, without indentation.
        span: places of the text in the page.
        indent: blanks before the fence.
        comments: what the comments before it say, by kind.
    """

    page: Path
    line: int
    language: str
    title: str
    text: str
    span: tuple[int, int]
    indent: str = ""
    comments: dict[str, str] = field(default_factory=dict)

    @property
    def is_output(self) -> bool:
        """Whether it is what the block before it prints."""
        return self.title == "Output"

    @property
    def is_shell(self) -> bool:
        """Whether it has commands: the language says so, or the first word of a block without a language."""
        first = (self.text.split() or [""])[0]
        known = first in ("zcbench", "python", "make", "git", "export", "pip", *SHELL) or re.match(r"[A-Z_]+=", first)
        return self.language in ("sh", "console", "bash") or (not self.language and bool(known))

    def __str__(self) -> str:
        page = self.page.relative_to(ROOT) if self.page.is_relative_to(ROOT) else self.page
        return f"{page}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf8")
    whole = re.search(r"<!-- commands not run: (.*?) -->", text, re.S)
    found = []
    for match in _BLOCK.finditer(text):
        language, _, rest = match["info"].strip().partition(" ")
        title = re.search(r'title="([^"]*)"', rest)
        body = re.sub(f"^{match['indent']}", "", match["text"], flags=re.M) if match["indent"] else match["text"]
        line = text.count("\n", 0, match.start()) + 1
        block = Block(page, line, language, title[1] if title else "", body, match.span("text"), match["indent"])
        before = text[: match.start()]
        while comment := _COMMENT.search(before):
            block.comments[comment[1]] = " ".join(comment[2].split()) if comment[1] != "before" else comment[2]
            before = before[: comment.start()]
        if block.is_shell and whole and not block.comments:
            block.comments["not run"] = whole[1]
        found.append(block)
    return found


# ------------------------------------------------------------------------------------------------ commands


def commands_of(block: Block) -> list[list[str]]:
    """Return the words of each command of a shell block; lines that end with a backslash are joined."""
    text = block.text.replace("\\\n", " ")
    parts = [part for line in text.splitlines() for part in re.split(r" && | \|\| ", line)]
    return [words for part in parts if (words := shlex.split(part, comments=True))]


def wrong_use(words: list[str]) -> str:
    """Return the error of a zcbench command that is not run, found by its argument parser; "" if there is none."""
    words = [word for word in words if not re.fullmatch(r"[A-Z_]+=\S*", word)]
    words = words[: next((i for i, word in enumerate(words) if word in ("|", ">", "<", ";", "2>", "&")), None)]
    if words[:1] == ["zcbench"]:
        return _refused(words[1:])
    if words[:1] == ["python"] and words[1:2] and words[1].endswith(".py") and "/" in words[1]:
        script = ROOT / words[1]
        if not script.is_file():
            return f"there is no {words[1]}"
        code = script.read_text(encoding="utf8")
        options = [word.partition("=")[0] for word in words[2:] if word.startswith("--")]
        wrong = [option for option in options if f'"{option}"' not in code]
        return f"{words[1]} has no option {wrong[0]}" if wrong else ""
    return ""


def _refused(words: list[str]) -> str:
    from zcbench import cli

    if not words or words[0].startswith("-"):
        return ""
    if words[0] not in cli._COMMANDS:
        return f"zcbench has no command {words[0]}"
    module = importlib.import_module(f"zcbench.cli.{words[0]}")
    parser = argparse.ArgumentParser(prog=f"zcbench {words[0]}")
    module.configure(parser)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parser.parse_args(words[1:])
    except SystemExit as end:
        return "" if end.code == 0 else said.getvalue().strip().splitlines()[-1]
    return ""


# ------------------------------------------------------------------------------------------------ outputs


def same_output(expected: str, actual: str) -> bool:
    """Return whether a program printed what a page shows.

    Numbers may differ by two units of the last place that is shown, or by 3 %; times, line breaks and the lengths of
    rules by anything. ``…`` matches any text.
    """
    pattern, numbers, at = [], [], 0  # numbers with whether they may be counts
    expected = _squeezed(expected)
    for part in re.finditer(f"…|{_NUMBER.pattern}", expected):
        pattern.append(re.escape(expected[at : part.start()]))
        pattern.append(".*?" if part.group() == "…" else f"({_NUMBER.pattern})")
        if part.group() != "…":
            numbers.append((part.group(), not expected[: part.start()].endswith("± ")))
        at = part.end()
    pattern.append(re.escape(expected[at:]))
    match = re.fullmatch("".join(pattern), _squeezed(actual))
    return match is not None and all(
        _close(shown, printed, count) for (shown, count), printed in zip(numbers, match.groups(), strict=True)
    )


def shows(block: Block, printed: str) -> bool:
    """Return whether an output block shows what was printed, or need not."""
    return "varies" in block.comments or same_output(block.text, printed)


def _squeezed(text: str) -> str:
    return " ".join(re.sub(r"[-─━═]{3,}", "───", _TIME.sub("TIME", " ".join(text.split()))).split())


def _close(expected: str, actual: str, count: bool) -> bool:
    a, b = (float(text.replace(",", "").replace("−", "-")) for text in (expected, actual))
    digits = len(expected.partition(".")[2]) if "e" not in expected else 0
    return (
        a == b
        if count and "." not in expected and abs(a) < 1000
        else abs(a - b) <= max(2.001 * 10.0**-digits, 0.03 * abs(a))
    )


# ------------------------------------------------------------------------------------------------ sessions


class Session:
    """Runs the blocks of one page in the current folder.

    Args:
        all_of_it: run slow blocks too, and none in a shorter form.
    """

    def __init__(self, *, all_of_it: bool = False):
        self.all_of_it = all_of_it
        self.names: dict[str, object] = {"__name__": "__main__"}

    def run(self, block: Block) -> str | None:
        """Run a block; returns what it prints, and None if that is not to be compared.

        Raises:
            AssertionError: a command fails.
        """
        if block.title:
            path = Path(block.title)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf8")
            return None
        if "not run" in block.comments or ("slow" in block.comments and not self.all_of_it):
            return None
        text, shorter = block.text, block.comments.get("shorter") if not self.all_of_it else None
        for change in shorter.split("; ") if shorter else ():
            old, new = change.split(" => ")
            assert old in text, f"{block}: {old!r} is not in the block"
            text = text.replace(old, new)
        if "before" in block.comments:
            exec(compile(block.comments["before"], str(block), "exec"), self.names)
        if block.language == "python":
            printed = _printed(lambda: exec(compile(text, str(block), "exec"), self.names))
        else:
            changed = Block(block.page, block.line, block.language, "", text, block.span)
            printed = "".join(map(self._command, commands_of(changed)))
        return None if shorter else printed

    def _command(self, words: list[str]) -> str:
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words = words[1:]
        if not words or words[0] == "export":
            return ""
        if words[0] == "zcbench":
            return self._ours(words[1:])
        if words[0] == "python" and words[1].endswith(".py"):
            return _printed(lambda: _script(words[1:]))
        assert words[0] in SHELL, f"{words[0]} is not run by this tool: mark the block with a comment"
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    def _ours(self, words: list[str]) -> str:
        from zcbench.cli import main

        # Scores do not depend on the number of workers, and starting processes takes most of the time of small runs.
        if words[0] == "run" and not {"--workers", "--executor", "--timeout", "--print-sbatch"} & set(words):
            words = [*words, "--workers", "0"]
        said, status = io.StringIO(), [0]
        with contextlib.redirect_stderr(said), _forgotten():
            try:
                printed = _printed(lambda: status.__setitem__(0, main(words)))
            except SystemExit as end:
                printed, status[0] = "", int(end.code or 0)
        assert status[0] == 0, f"zcbench {shlex.join(words)} ended with status {status[0]}: {said.getvalue()[-2000:]}"
        return printed


@contextlib.contextmanager
def _forgotten() -> Iterator[None]:
    """Forget what a command imports and registers, as the end of its process does."""
    from zcbench._kinds import isolated

    modules = set(sys.modules)
    with isolated():
        yield
    for name in [name for name in sys.modules if name.startswith("zcbench_import_") and name not in modules]:
        del sys.modules[name]


def _script(words: list[str]) -> None:
    before = sys.argv
    sys.argv = words
    try:
        runpy.run_path(words[0], run_name="__main__")
    finally:
        sys.argv = before


class _Terminal(io.StringIO):
    """Keeps what is printed, at the width of a terminal."""

    def isatty(self) -> bool:
        return True


def _printed(call: Callable[[], object]) -> str:
    said = _Terminal()
    with contextlib.redirect_stdout(said):
        call()
    return said.getvalue()


@contextlib.contextmanager
def in_folder(folder: Path) -> Iterator[None]:
    """Work in a folder, as a reader of a page does: a terminal of 80 columns, own files can be imported."""
    from zcbench._torchvision import torchvision_importable

    before, path, environment = Path.cwd(), [*sys.path], {**os.environ}
    modules = set(sys.modules)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    os.environ.update(COLUMNS=str(COLUMNS), NO_COLOR="1")
    os.environ.pop("ZCBENCH_RUNS", None)
    try:
        with torchvision_importable(), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of libraries, at their import
            yield
    finally:
        os.chdir(before)
        sys.path[:] = path
        os.environ.clear()
        os.environ.update(environment)
        for name in set(sys.modules) - modules:
            if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(folder):
                del sys.modules[name]


def run_page(page: Path, *, all_of_it: bool = False) -> list[tuple[Block, str]]:
    """Run a page in the current folder.

    Returns:
        The output blocks of the page with what was printed, for those that are to be compared.
    """
    session, printed, found = Session(all_of_it=all_of_it), None, []
    for block in blocks_of(page):
        if block.is_output:
            if printed is not None:
                found.append((block, printed))
            printed = None
        elif block.language == "python" or block.is_shell or block.title:
            try:
                printed = session.run(block)
            except Exception as error:
                raise AssertionError(f"{block}: {type(error).__name__}: {error}") from error
    return found


def rewritten(page: Path, outputs: list[tuple[Block, str]]) -> str:
    """Return a page with other outputs; those that have a wildcard stay."""
    text = page.read_text(encoding="utf8")
    for block, printed in reversed(outputs):
        if "…" not in block.text and not same_output(block.text, printed):
            lines = (block.indent + line.rstrip() if line.strip() else "" for line in printed.strip("\n").splitlines())
            text = text[: block.span[0]] + "\n".join(lines) + "\n" + text[block.span[1] :]
    return text


def main() -> int:
    """Run pages; returns 1 if an output differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--all", action="store_true", help="run slow blocks, and none in a shorter form")
    parser.add_argument("--write", action="store_true", help="replace outputs that differ")
    options = parser.parse_args()
    differ = 0
    for page in [page.resolve() for page in options.pages]:
        with tempfile.TemporaryDirectory() as folder, in_folder(Path(folder).resolve()):
            outputs = run_page(page, all_of_it=options.all)
        for block, printed in outputs:
            if not shows(block, printed):
                differ += 1
                sys.stdout.write(f"{block} shows another output:\n{printed}\n")
        if options.write:
            page.write_text(rewritten(page, outputs), encoding="utf8")
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
