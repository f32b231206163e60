"""Shards: parts of a run that do not overlap, independent of machine and start time.

A hash of a key's text determines its shard. The key of a network is its canonical string, so equivalent architectures
are in one shard. The key of trials is "seed predictor", so all sizes of one split are in one shard. Nothing else in a
run matters: a larger sample, or another list of proxies, does not move a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from zcbench import _arguments as rules
from zcbench._process import stable_seed
from zcbench.errors import InvalidInputError, ZcbenchError
from zcbench.types import Architecture, SearchSpace

_WRITTEN = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
#: more shards than any scheduler accepts in one array
MOST_SHARDS = 1_000_000


class EmptyShardError(ZcbenchError):
    """No network or trial of a run belongs to its shard, so there is nothing to do or show."""


@dataclass(frozen=True)
class Shard:
    """One of several parts of a run.

    Attributes:
        number: number of the shard, from 1.
        count: number of shards.
        again: use another hash, so that the missing results of one earlier shard are spread over all.

    Raises:
        InvalidInputError: there is no such shard.
    """

    number: int
    count: int
    again: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_SHARDS:
            raise InvalidInputError(f"{self.count:,} shards: choose from 1 to {MOST_SHARDS:,}.")
        if not 1 <= self.number <= self.count:
            raise InvalidInputError(
                f"the shard {self}: shards are numbered from 1/{self.count} to {self.count}/{self.count}."
            )

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def __contains__(self, key: str) -> bool:
        return stable_seed("missing" if self.again else "shard", key) % self.count == self.number - 1

    def of(self, keys: Iterable[str]) -> list[str]:
        """Return the keys that belong to it, in their order."""
        return [key for key in keys if key in self]


def parse_shard(text: str, *, again: bool = False) -> Shard:
    """Read "3/100", the third of a hundred shards.

    Args:
        text: number and count.
        again: as in :class:`Shard`.

    Raises:
        InvalidInputError: it has another form, or there is no such shard.
    """
    found = _WRITTEN.fullmatch(text.strip()) if isinstance(text, str) else None
    if not found:
        raise InvalidInputError(f"the shard {rules.shown(text)}: write its number and the number of shards, 3/100.")
    return Shard(int(found[1]), int(found[2]), again)


def of_shard(shard: Shard, space: SearchSpace, architectures: Iterable[Architecture]) -> list[Architecture]:
    """Return the architectures whose networks belong to a shard, in their order."""
    return [architecture for architecture in architectures if space.canonical(architecture).key in shard]
