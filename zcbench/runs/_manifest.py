"""Manifests: text files with the architectures of a run, one per line, so that others can score exactly the same.

Empty lines and lines that begin with ``#`` are ignored. An architecture may be written in any form that the space
reads. The digest of a manifest is the SHA-256 of the strings of the architectures in order, UTF-8, with a line feed
after each. ``sha256sum`` gives the same for a file with these strings and no comments.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zcbench.datasets import Benchmark
from zcbench.errors import InvalidArchitectureError, InvalidInputError, ZcbenchError, shortened
from zcbench.spaces import FactorySpace, said_to_accept
from zcbench.types import Architecture

#: number of lines that an error or a note names
_SHOWN = 5
#: largest file that is read, in bytes: ten times NAS-Bench-101 as a list
_LARGEST = 1 << 30


@dataclass(frozen=True)
class Manifest:
    """A list of architectures from a file.

    Attributes:
        architectures: each once, in the order of the list.
        digest: SHA-256 of their strings, each ended by a line feed; 64 hexadecimal digits.
        notes: sentences about lines that name an architecture or a network a second time.
    """

    architectures: tuple[Architecture, ...]
    digest: str
    notes: tuple[str, ...] = ()


def manifest_digest(architectures: Iterable[Architecture]) -> str:
    """Return the SHA-256 of the strings of architectures, each followed by a line feed."""
    content = hashlib.sha256()
    for architecture in architectures:
        content.update(f"{architecture.key}\n".encode())
    return content.hexdigest()


def read_manifest(path: str | os.PathLike[str], benchmark: Benchmark) -> Manifest:
    """Read a list of architectures.

    Args:
        path: the text file, UTF-8.
        benchmark: its space reads the lines. An architecture that is not in the table must have a network.

    Raises:
        InvalidInputError: the file cannot be read or lists nothing, or a line is no such architecture; the error names
            the lines.
    """
    lines = [(number, text) for number, text in _lines(path) if text and not text.startswith("#")]
    if not lines:
        raise InvalidInputError(f"{path} lists no architecture: write one on each line.")
    bad: list[tuple[int, str]] = []
    first: dict[Architecture, int] = {}
    twice: list[tuple[int, int]] = []
    for number, text in lines:
        try:
            architecture = _of_table(text, benchmark)
        except ZcbenchError as error:
            bad.append((number, str(error)))
            continue
        if (before := first.setdefault(architecture, number)) != number:
            twice.append((number, before))
    if bad:
        number, reason = bad[0]
        text = dict(lines)[number]
        others = _listed([line for line, _ in bad[1:]])
        more = f" The same file has {len(bad) - 1:,} more such line{'s' * (len(bad) > 2)}: {others}." if others else ""
        raise InvalidInputError(f"{path}, line {number}: {shortened(reason)}{said_to_accept(text)}{more}")
    architectures = tuple(first)
    return Manifest(architectures, manifest_digest(architectures), tuple(_notes(path, benchmark, first, twice)))


def manifest_text(benchmark: Benchmark, architectures: Sequence[Architecture], comment: str = "") -> str:
    """Return the text of a manifest that :func:`read_manifest` reads, with its digest.

    Args:
        benchmark: the benchmark of the architectures.
        architectures: the architectures.
        comment: how they were chosen, one line.

    Raises:
        InvalidInputError: the string of an architecture has line breaks.
    """
    for architecture in architectures:
        key = architecture.key
        if key != key.strip() or key.startswith("#") or len(key.splitlines()) != 1:
            raise InvalidInputError(f"the architecture {key!r} has a line break: a list has one architecture per line.")
    head = [f"# {len(architectures):,} architectures of {benchmark.identifier}"]
    head += [f"# {' '.join(comment.split())}"] if comment else []
    head += [f"# SHA-256 of the lines below: {manifest_digest(architectures)}"]
    return "\n".join([*head, *(architecture.key for architecture in architectures)]) + "\n"


def _lines(path: str | os.PathLike[str]) -> list[tuple[int, str]]:
    """Return the number, from 1, and the stripped text of each line."""
    file = Path(path)
    try:
        if file.stat().st_size > _LARGEST:
            raise InvalidInputError(f"{path} is too large for a list of architectures: split it.")
        content = file.read_bytes()
    except OSError as error:
        raise InvalidInputError(
            f"cannot read {path} ({error.strerror or error}): give a text file with one architecture a line."
        ) from None
    found = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            found.append((number, line.decode().strip()))
        except UnicodeDecodeError:
            raise InvalidInputError(f"{path}, line {number}: this is not UTF-8; save the file as UTF-8.") from None
    return found


def _of_table(text: str, benchmark: Benchmark) -> Architecture:
    """Return the architecture as the table has it, or else as the space reads it.

    Raises:
        ZcbenchError: it is no architecture of the space, or it is not in the table and has no network.
    """
    space = benchmark.space
    architecture = space.parse(text)
    if architecture in benchmark:
        return architecture
    if not (space.domains or isinstance(space, FactorySpace)):
        raise InvalidArchitectureError(
            f"{shortened(str(architecture))!r} is not in the table of {benchmark.name}, and its network cannot be "
            "built."
        )
    canonical = space.canonical(architecture)
    return canonical if canonical in benchmark else architecture


def _notes(
    path: str | os.PathLike[str], benchmark: Benchmark, first: dict[Architecture, int], twice: list[tuple[int, int]]
) -> list[str]:
    notes = []
    if twice:
        told = ", ".join(f"{line} (as {before})" for line, before in twice[:_SHOWN])
        notes.append(f"{path}: {_lines_name(twice, told)} an architecture again, which counts once.")
    networks: dict[str, int] = {}
    equal = []
    for architecture, number in first.items():
        before = networks.setdefault(benchmark.space.canonical(architecture).key, number)
        if before != number:
            equal.append((number, before))
    if equal:
        told = ", ".join(f"{line} (equal to {before})" for line, before in equal[:_SHOWN])
        notes.append(f"{path}: {_lines_name(equal, told)} a network again; it is scored once and counts for each.")
    absent = [number for architecture, number in first.items() if architecture not in benchmark]
    if absent:
        notes.append(
            f"{path}: {_lines_name(absent, _listed(absent))} an architecture that is not in the table of "
            f"{benchmark.name}: it is scored, and has no result to compare with."
        )
    return notes


def _lines_name(lines: Sequence[object], told: str) -> str:
    more = f" and {len(lines) - _SHOWN:,} more" if len(lines) > _SHOWN and " more" not in told else ""
    return f"line {told} names" if len(lines) == 1 else f"lines {told}{more} name"


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:_SHOWN])) + (f" and {len(numbers) - _SHOWN:,} more" * (len(numbers) > _SHOWN))
