"""Pages of the documentation site that come from code, and links to files outside ``docs/``: a hook of mkdocs.

``mkdocs.yml`` names this file. It adds a reference page for each public package, the reference of the command line from
its argument parsers, and pages for CONTRIBUTING, CHANGELOG and the examples. The packages themselves are documented by
mkdocstrings from their docstrings.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import posixpath
import re
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
#: modules with a reference page of their public names
PACKAGES = (
    "types", "metrics", "probe", "proxies", "comparison", "predictors", "encodings", "ensembles", "curves", "scorers",
    "search", "supernets", "spaces", "datasets", "batches", "runs", "records", "evaluation", "leaderboards",
    "executors", "testing", "errors",
)  # fmt: skip
#: pages of the site that are files of the repository outside docs/
OUTSIDE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "examples/own_supernet.py": "examples/own_supernet.md",
    "examples/supernet_digits.py": "examples/supernet_digits.md",
}
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_FENCE = re.compile(r"^(```.*?^```$)", re.M | re.S)


# ---------------------------------------------------------------------------------------------- called by mkdocs


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are no files of ``docs/``."""
    from mkdocs.structure.files import File

    for place, text in pages().items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point links to files of the repository at their pages."""
    place = page.file.src_uri
    source = next((file for file, at in OUTSIDE.items() if at == place), f"docs/{place}")
    return with_links(markdown, source, place)


def on_page_content(html: str, **_: Any) -> str:
    """Drop the scripts that load formulas and diagrams from the network in pages of notebooks, which have neither."""
    return re.sub(
        r"<script\b(?:(?!</script>).)*?(?:cdnjs|mathjax)(?:(?!</script>).)*</script>", "", html, flags=re.S | re.I
    )


# ---------------------------------------------------------------------------------------------- pages


def pages() -> dict[str, str]:
    """Return the text of every generated page by its place in the site."""
    found = {f"reference/{name}.md": package_page(name) for name in PACKAGES}
    found["reference/zcbench.md"] = top_page()
    found["reference/cli.md"] = command_page()
    found["reference/registered.md"] = registered_page()
    for file, place in OUTSIDE.items():
        text = (ROOT / file).read_text(encoding="utf8")
        found[place] = example_page(file, text) if file.endswith(".py") else text
    return found


def public_names(module: ModuleType) -> list[str]:
    """Return the public names of a module: ``__all__``, or what it defines or imports from its own modules."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return sorted(listed)
    own = [name for name, value in vars(module).items() if _home(value).startswith(module.__name__)]
    return sorted(name for name in own if not name.startswith("_"))


def package_page(name: str) -> str:
    """Return the reference page of a package: its docstring and its public names, classes first."""
    module = importlib.import_module(f"zcbench.{name}")
    classes, functions, others, foreign = [], [], [], []
    for public in public_names(module):
        value = getattr(module, public)
        if inspect.ismodule(value):
            continue
        home = _home(value)
        if home and not home.startswith(module.__name__):
            foreign.append(f"[`{public}`][{home}.{value.__qualname__}]" if _documented(home) else f"`{public}`")
        elif inspect.isclass(value):
            classes.append(public)
        elif callable(value) and home:
            functions.append(public)
        else:
            others.append(public)
    lines = [f"# zcbench.{name}", "", inspect.cleandoc(_plain(module.__doc__ or "")), ""]
    for title, names in (("Classes", classes), ("Functions", functions), ("Values", others)):
        if names:
            lines += [f"## {title}", ""]
            lines += [f"::: zcbench.{name}.{public}\n" for public in names]
    if foreign:
        lines += ["## From other packages", "", f"Also available here: {', '.join(foreign)}.", ""]
    return "\n".join(lines)


def top_page() -> str:
    """Return the page of the names of ``zcbench`` itself: what each is, and where it is documented."""
    module = importlib.import_module("zcbench")
    lines = [
        "# zcbench",
        "",
        "These names are imported from `zcbench` directly.",
        "",
        "| name | what it is |",
        "|:---|:---|",
    ]
    for name in sorted(n for n in module.__all__ if not n.startswith("_")):
        value = getattr(module, name)
        value = getattr(value, name) if inspect.ismodule(value) else value
        package = _home(value).split(".")[1]
        first = _plain((inspect.getdoc(value) or "").partition("\n\n")[0]).replace("\n", " ").replace("|", "\\|")
        lines.append(f"| [`{name}`]({package}.md#zcbench.{package}.{name}) | {first} |")
    return "\n".join(lines) + "\n"


def registered_page() -> str:
    """Return the page of everything that is registered: each proxy with its whole docstring, other kinds in tables."""
    import zcbench
    from zcbench._kinds import KINDS

    lines = ["# Everything that is registered", "", "`zcbench show NAME` prints the same, with all settings.", ""]
    for kind in KINDS:
        list_all, info_of = (getattr(zcbench, verb) for verb in (kind.verbs[3], kind.verbs[2]))
        names = list_all()
        lines += [f"## {kind.verbs[3].removeprefix('list_').replace('_', ' ').capitalize()}", ""]
        if kind.verbs[3] == "list_proxies":
            for name in names:
                lines += _proxy_lines(info_of(name))
            continue
        lines += ["| name | what it is | source |", "|:---|:---|:---|"]
        for info in map(info_of, names):
            summary, source = (_cell(getattr(info, field, "")) for field in ("summary", "reference"))
            lines.append(f"| `{info.name}` | {summary} | {source} |")
        lines.append("")
    return "\n".join(lines) + "\n"


def _proxy_lines(info: Any) -> list[str]:
    first, _, rest = (inspect.getdoc(info.function) or "").partition("\n\n")
    rest = re.split(r"^(?:Args|Raises|Returns|Example):$", _plain(rest), flags=re.M)[0].strip()
    facts = [f"cost {info.cost}", "with labels" if info.needs_labels else "without labels"]
    facts.append(
        f"for {', '.join(sorted(info.domains)) if not isinstance(info.domains, str) else info.domains} networks"
    )
    lines = [f"### {info.name}", "", _escaped(_plain(first)), ""]
    lines += [_escaped(rest), ""] if rest else []
    return [*lines, f"{_escaped(info.reference)}. {'; '.join(facts).capitalize()}.".replace("..", "."), ""]


def _cell(text: str) -> str:
    return _escaped(_plain(" ".join(str(text).split())))


def example_page(file: str, text: str) -> str:
    """Return a page that shows an example: its docstring as text, then its code."""
    docstring = ast.get_docstring(ast.parse(text)) or ""
    title, _, rest = docstring.partition("\n")
    code = text.split('"""', 2)[2].lstrip("\n") if docstring else text
    return f"# {title.rstrip('.')}\n\n`{file}`{rest and chr(10)}{_plain(rest)}\n\n```python\n{code}```\n"


def _home(value: object) -> str:
    """Return the module where a class or function is defined; an empty text for other values."""
    home = getattr(value, "__module__", None)
    return home if isinstance(home, str) and home.startswith("zcbench") and hasattr(value, "__qualname__") else ""


def _documented(home: str) -> bool:
    return home.split(".")[1] in PACKAGES


def _plain(text: str) -> str:
    """Return a docstring without the roles of Sphinx: ``:class:`Probe``` becomes ```Probe```."""
    return re.sub(r":[a-z]+:`~?([^`]*)`", r"`\1`", text)


# ---------------------------------------------------------------------------------------------- command line


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """Yield the name, the argument parser and the examples of every command."""
    commands = importlib.import_module("zcbench.cli")._COMMANDS
    for name in commands:
        module = importlib.import_module(f"zcbench.cli.{name}")
        parser = argparse.ArgumentParser(prog=f"zcbench {name}", description=module.__doc__)
        module.configure(parser)
        yield name, parser, module.EXAMPLE


def command_page() -> str:
    """Return the reference of all commands."""
    commands = importlib.import_module("zcbench.cli")
    lines = ["# Command line", "", _plain(commands.__doc__.partition("\n\n")[2].strip()), ""]
    lines += ["| command | what it does |", "|:---|:---|"]
    lines += [f"| [`zcbench {name}`](#zcbench-{name}) | {text} |" for name, text in commands._COMMANDS.items()]
    for name, parser, examples in parsers():
        lines += ["", f"## zcbench {name}", "", _paragraphs(parser.description or ""), ""]
        lines += ["```text", parser.format_usage().strip(), "```", ""]
        for group in parser._action_groups:
            rows = [_row(action, parser) for action in group._group_actions if action.help != argparse.SUPPRESS]
            if rows:
                title = {"options": "Options", "positional arguments": "Arguments"}.get(group.title or "", group.title)
                lines += [f"**{title}**", "", "| | |", "|:---|:---|", *rows, ""]
        if examples:
            lines += ["**Examples**", "", "```sh", inspect.cleandoc(examples.partition("\n")[2]), "```"]
    return "\n".join(lines) + "\n"


def _row(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    """Return a row of a table: how an argument is written, and its help."""
    value = parser._get_formatter()._format_args(action, action.metavar or action.dest.upper())
    written = ", ".join(action.option_strings) + (" " if action.option_strings and value else "") + value
    text = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
    return f"| `{written}` | {_escaped(text)} |".replace("\n", " ")


def _paragraphs(text: str) -> str:
    """Return a description as Markdown; paragraphs of indented lines, which are commands, become code."""
    parts = [
        f"```text\n{inspect.cleandoc(part)}\n```" if "\n " in part or part.startswith("  ") else _escaped(part)
        for part in text.strip("\n").split("\n\n")
    ]
    return "\n\n".join(parts)


def _escaped(text: str) -> str:
    return re.sub(r"([|*_<>\[\]])", r"\\\1", text)


# ---------------------------------------------------------------------------------------------- links


def with_links(markdown: str, source: str, place: str) -> str:
    """Return a page whose links fit the site.

    A link to a file outside ``docs/`` becomes one to its page. Where the site has no such page, the text remains.

    Args:
        markdown: the page.
        source: its file in the repository, ``docs/curves.md``.
        place: its place in the site, ``curves.md``.
    """

    def changed(match: re.Match[str]) -> str:
        text, target = match.groups()
        path, hash_, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return match.group()
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if file.startswith("docs/"):
            goal = file.removeprefix("docs/")
        elif file in OUTSIDE:
            goal = OUTSIDE[file]
        else:
            return text if (ROOT / file).exists() else match.group()
        return f"[{text}]({posixpath.relpath(goal, posixpath.dirname(place) or '.')}{hash_}{anchor})"

    parts = _FENCE.split(markdown)
    return "".join(part if part.startswith("```") else _LINK.sub(changed, part) for part in parts)
