"""The registry of tracks; the path of a TOML file also denotes a track. Loads no torch."""

from __future__ import annotations

import os
from pathlib import Path

from zcbench import _arguments as rules
from zcbench._registry import Registry
from zcbench.errors import InvalidInputError
from zcbench.runs._track import Track, read_track

_TRACKS: Registry[Track] = Registry(
    "track",
    package="zcbench.runs.tracks",
    group="zcbench.tracks",
    rules={"name": rules.text, "version": rules.version, "summary": rules.text},
)


def register_track(*tracks: Track | str | Path, override: bool = False) -> None:
    """Register tracks, or TOML files with tracks, under their names; all or none.

    Raises:
        InvalidInputError: one is not a track, has no name, or its name has other characters than lower-case letters,
            digits, "_", "-" and ".".
        DuplicateNameError: a name is taken and ``override`` is False.
    """
    found = [read_track(track) if isinstance(track, str | Path) else track for track in tracks]
    for track in found:
        if not isinstance(track, Track):
            raise InvalidInputError(f"{rules.shown(track)} is not a Track: give a zcbench.runs.Track or a TOML file.")
    _TRACKS.add_all(rules.by_name("track", found), override=override)


def get_track(text: str | os.PathLike[str]) -> Track:
    """Return the track of that name, or of a TOML file at that path.

    Raises:
        UnknownNameError: there is no such track; the message suggests similar names.
        InvalidInputError: the file cannot be read, or a field in it is invalid.
    """
    if isinstance(text, os.PathLike) or rules.text("the name of a track", text).endswith(".toml"):
        return read_track(text)
    return _TRACKS.info(text)


def track_info(name: str) -> Track:
    """Return the registered track of that name; UnknownNameError with suggestions for an unknown name."""
    return _TRACKS.info(name)


def list_tracks(*patterns: str) -> list[str]:
    """List the registered tracks that match any of the shell patterns (all without one), sorted.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    return _TRACKS.names(patterns or ("*",))
