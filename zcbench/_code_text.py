"""The text from which code was compiled, and whether the running code still matches it."""

from __future__ import annotations

import ast
import dis
import functools
import hashlib
import importlib.machinery
import inspect
import linecache
import textwrap
import types
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple


class Text(NamedTuple):
    """The text from which code was compiled, when it was first needed."""

    digest: str
    codes: frozenset[str]  # fingerprints of all code in it
    names: frozenset[str]  # the qualified names of this code
    # everywhere in it: number of leading dots, module, and imported name or ""
    imports: frozenset[tuple[int, str, str]]


def text_at(path: str) -> Text | None:
    """Return the current text of a file; None if the file does not exist."""
    content = _content_at(path)
    return None if content is None else _text(content)


def digest_at(path: str) -> str:
    """Return the digest of the current text of a file; "" if the file does not exist."""
    content = _content_at(path)
    return "" if content is None else hashlib.sha256(content).hexdigest()


def _content_at(path: str) -> bytes | None:
    if not path or path.startswith("<"):
        return None
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError):
        return None
    return content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")


@functools.lru_cache(maxsize=256)
def _text(content: bytes) -> Text:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they were issued at the import
            found = list(all_code(compile(content, "<file>", "exec", dont_inherit=True)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # for example compiled code
        found = []
    digest = hashlib.sha256(content).hexdigest()
    codes, names = frozenset(map(fingerprint, found)), frozenset(code.co_qualname for code in found)
    return Text(digest, codes, names, frozenset(_imports(content)) if found else frozenset())


def _imports(content: bytes) -> Iterator[tuple[int, str, str]]:
    """Yield the imports of a text, including those in function bodies."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nodes = ast.walk(ast.parse(content))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((0, one.name, "") for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.level, node.module or "", one.name) for one in node.names)


def imported_in(code: types.CodeType) -> frozenset[tuple[int, str, str]]:
    """Return the imports that code runs, in the form of :class:`Text`, without relative imports."""
    found: set[tuple[int, str, str]] = set()
    for part in all_code(code):
        module = ""
        for instruction in dis.get_instructions(part):
            if instruction.opname == "IMPORT_NAME":
                module = str(instruction.argval)
                found.add((0, module, ""))
            elif instruction.opname == "IMPORT_FROM" and module:
                found.add((0, module, str(instruction.argval)))
    return frozenset(found)


def imported_by(text: Text, package: str) -> list[str]:
    """Return the sorted full names that a text imports and that may be modules.

    Args:
        text: text of a module.
        package: the package that contains the module, "" for none.
    """
    found = set()
    for level, module, name in text.imports:
        parts = package.split(".") if level else []
        if level > 1:
            parts = parts[: 1 - level]
        home = ".".join([*filter(None, parts), *filter(None, [module])])
        found |= {home, f"{home}.{name}"} if name else {home}
        if not name:  # "import a.b" binds "a"
            found |= {home[:place] for place, letter in enumerate(home) if letter == "."}
    return sorted(found - {""})


def file_of(module: str) -> tuple[str, bool] | None:
    """Return the file of a module that was not loaded, and whether it is a package; nothing is loaded."""
    path: Sequence[str] | None = None
    spec = None
    for place in [*(place for place, letter in enumerate(module) if letter == "."), len(module)]:
        try:
            spec = importlib.machinery.PathFinder.find_spec(module[:place], path)
        except (ImportError, ValueError, OSError):
            return None
        if spec is None:
            return None
        path = spec.submodule_search_locations or []
    if spec is None or not spec.origin or not spec.has_location:
        return None
    return spec.origin, spec.submodule_search_locations is not None


def kept_source(code: types.CodeType) -> Text | None:
    """Return the source lines of a function that Python keeps, for example for a cell of a notebook."""
    if code.co_filename not in linecache.cache:
        return None
    lines = linecache.getlines(code.co_filename)
    try:
        block = "".join(inspect.getblock(lines[code.co_firstlineno - 1 :]))
    except Exception:  # raised by the tokenizer if the lines have changed
        return None
    whole = _text("".join(lines).encode("utf-8", "surrogatepass"))
    return whole._replace(digest=hashlib.sha256(textwrap.dedent(block).encode("utf-8", "surrogatepass")).hexdigest())


def all_code(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield the code and all code inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from all_code(constant)


def fingerprint(code: types.CodeType) -> str:
    """Return a digest of bytecode without paths and line numbers; it differs between versions of Python."""
    found = hashlib.sha256(code.co_code + code.co_exceptiontable)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    found.update(repr((code.co_qualname, counts, code.co_names, code.co_varnames, code.co_freevars)).encode())
    for constant in code.co_consts:
        found.update((fingerprint(constant) if isinstance(constant, types.CodeType) else _shown(constant)).encode())
    return found.hexdigest()


def _shown(constant: object) -> str:
    """Return a constant of code as text; sets are sorted."""
    if isinstance(constant, frozenset):
        return f"frozenset{sorted(map(_shown, constant))}"
    if isinstance(constant, tuple):
        return f"({','.join(map(_shown, constant))})"
    return f"{type(constant).__name__} {constant!a}"
