"""The folder of a long command, from which it can resume."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zcbench._arguments import shown
from zcbench._files import cannot_write, locked, write_text
from zcbench.errors import DataCorruptError, InvalidInputError

_ADVICE = "give another folder."
_PLAN, _RESULTS, _LOCK = "plan.json", "results.json", ".lock"
_SEAL = "digest"


class StoryFolder:
    """A plan, results of completed steps, and lines of the others.

    Args:
        path: path of the folder; it is created.
        plan: settings that must be equal to resume a run.

    Raises:
        InvalidInputError: the folder contains a run with another plan.
        DataCorruptError: a file in it is damaged.
        StoreError: it cannot be written.
    """

    def __init__(self, path: Path, plan: Mapping[str, Any]) -> None:
        self.path = path
        known = self._read(_PLAN)
        if known is None:
            write_text(path / _PLAN, json.dumps(plan, indent=1), _ADVICE)
        elif different := sorted(name for name in {*known, *plan} if known.get(name) != plan.get(name)):
            were = ", ".join(f"{name} was {shown(known.get(name))}" for name in different)
            raise InvalidInputError(
                f"{path} contains a run with other settings ({were}): give these settings, or another folder."
            )
        results = self._read(_RESULTS) or {}
        seal = results.pop(_SEAL, None)  # there is none in folders of earlier versions
        if seal is not None and seal != _seal(results):
            raise DataCorruptError(f"{path / _RESULTS} is damaged: remove it to repeat the steps from the other files.")
        self.results: dict[str, dict[str, Any]] = results

    @classmethod
    @contextmanager
    def held(cls, path: Path, plan: Mapping[str, Any]) -> Iterator[StoryFolder]:
        """Open the folder and lock it against other processes."""
        busy = f"another process is using {path}: wait for it, or give another folder."
        with locked(path / _LOCK, _ADVICE, busy=busy):
            yield cls(path, plan)

    def keep(self, step: str, result: dict[str, Any]) -> None:
        """Write the results of a step."""
        self.results[step] = result
        content = {**self.results, _SEAL: _seal(self.results)}
        write_text(self.path / _RESULTS, json.dumps(content, indent=1), _ADVICE)

    def lines(
        self, name: str, keys: Iterable[str], compute: Callable[[str], dict[str, Any]], tell: Callable[[int], None]
    ) -> dict[str, dict[str, Any]]:
        """Return a line for each key: saved lines are read, and the others computed and written one by one.

        Args:
            name: name of the file.
            keys: keys of the lines.
            compute: computes a key's line.
            tell: called with the number of available lines.
        """
        return self.parts(name, keys, None, lambda key, _: compute(key), tell)

    def parts(
        self,
        name: str,
        keys: Iterable[str],
        wanted: Collection[str] | None,
        compute: Callable[[str, list[str]], dict[str, Any]],
        tell: Callable[[int], None],
    ) -> dict[str, dict[str, Any]]:
        """Return lines with several named parts for each key; missing parts are computed and added.

        Args:
            name: name of the file.
            keys: keys of the lines.
            wanted: required parts of each line; None for those that ``compute`` returns.
            compute: from a key and its missing parts to these.
            tell: called with the number of available lines.
        """
        path, keys = self.path / name, list(keys)
        found = _read_lines(path)

        def lacking(key: str) -> list[str] | None:
            if wanted is None or key not in found:
                return None if key in found else list(wanted or ())
            return [part for part in wanted if part not in found[key]] or None

        have = sum(lacking(key) is None for key in keys)
        if have < len(keys) and path.exists():  # removes an incomplete line of a killed process
            write_text(path, "".join(_text(key, line) for key, line in found.items()), _ADVICE)
        try:
            if have < len(keys):
                path.parent.mkdir(parents=True, exist_ok=True)
            for key in keys:
                missing = lacking(key)
                if missing is not None:
                    line = compute(key, missing)
                    with path.open("a", encoding="utf8") as file:
                        file.write(_text(key, line))
                    found[key] = {**found.get(key, {}), **line}
                    have += 1
                    tell(have)
        except OSError as error:
            raise cannot_write(path, error, _ADVICE) from None
        return {key: found[key] for key in keys}

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self.path / name
        try:
            content = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DataCorruptError(f"{path} cannot be read ({error}): give another folder.") from None
        if not isinstance(content, dict):
            raise DataCorruptError(f"{path} was not written by this command: give another folder.")
        return content


def _seal(content: Any) -> str:
    """Return a digest of a file's content, which detects any change."""
    text = json.dumps(json.loads(json.dumps(content)), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _text(key: str, line: Mapping[str, Any]) -> str:
    return json.dumps([key, line, _seal([key, line])]) + "\n"


def _read_lines(path: Path) -> dict[str, dict[str, Any]]:
    """Read complete lines; the last line may be incomplete."""
    try:
        texts = path.read_text(encoding="utf8", errors="replace").split("\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataCorruptError(f"{path} cannot be read ({error}): give another folder.") from None
    found: dict[str, dict[str, Any]] = {}
    for number, text in enumerate(texts[:-1]):
        try:
            key, line, *seal = json.loads(text)
            if seal and seal != [_seal([key, line])]:
                raise ValueError
            found.setdefault(str(key), {}).update(line)
        except (ValueError, TypeError):
            raise DataCorruptError(
                f"line {number + 1} of {path} is damaged: remove the file, or give another folder."
            ) from None
    return found
