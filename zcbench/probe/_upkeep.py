"""Restore what a probe was given, whatever proxies do to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch

from zcbench import devices
from zcbench.probe._ledger import Ledger
from zcbench.probe._snapshot import Changes, Given
from zcbench.probe.signals._watcher import Watcher

#: The objects with which a probe is opened.
_PINNED = (
    *("model", "batch", "seed", "device", "_loss_fn", "_choice", "_wanted", "_shared", "_main"),
    *("_peak", "_pieces", "_given", "_exit"),
)


class Upkeep(Ledger):
    """A ledger that restores its owner and everything that it was given."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self._watchers: dict[type[Watcher], Watcher] = {}
        self._given: Given | None = None
        self._attributes: dict[str, object] = {}
        self._seen: Changes = {}  # changes that were undone before the proxy was done
        self._pieces = 1  # number of parts of the batch whose per-sample gradients are computed one after the other

    def put_back(self) -> Changes:
        """Undo all changes to the network, the batch, the settings and the shared signals.

        To be called after every proxy. Signals that may be affected are measured again when they are requested.

        Returns:
            The changes since the last call: kinds in words, each with the places.
        """
        changes = self._undo(self._used)
        _merge(changes, self._seen)
        self._seen, self._used = {}, set()
        for name in [name for name, measured in self._measured.items() if measured.stale]:
            del self._measured[name]
        return changes

    def _free(self, pieces: int) -> None:
        """Release the memory of all signals; they are measured again when they are requested.

        Args:
            pieces: number of parts of the batch into which per-sample gradients are divided from now on. They then need
                only the memory of one part, and their values are the same.
        """
        self._measured.clear()
        self._watchers = {}
        self._pieces = self._attributes["_pieces"] = pieces
        devices.release(self.device)

    def _undo(self, used: Iterable[str]) -> Changes:
        changes: Changes = {}
        if self._restore_attributes():
            changes["the probe's attributes"] = []
        given = self._given
        assert given is not None, "use the probe in a with block"
        if not given.is_untouched():
            changes |= given.restore()
        if spoilt := self._spoilt(used):
            changes["shared signals"] = spoilt
        self._forget(if_needed=bool(changes))
        return changes

    def _restore_attributes(self) -> bool:
        table, before = vars(self), self._attributes
        if table.keys() == before.keys() and all(table[name] is before[name] for name in _PINNED):
            return False
        kept = {name: table.get(name, before[name]) for name in before if name not in _PINNED}
        table.clear()
        table.update(before | kept)
        return True

    def _spoilt(self, used: Iterable[str]) -> list[str]:
        """Return the signals that their users changed."""
        found = []
        for name in used:
            handed = self._measured[name].handed if name in self._measured else None
            if handed is not None and (what := handed.changed()):
                found.append(f"{name}: {what}")
        return found

    def _forget(self, *, if_needed: bool) -> None:
        """Mark all signals for a new measurement; also if weights were written, which makes the graphs void."""
        assert self._given is not None
        if self._given.network.weights_were_written() or if_needed:
            for name, measured in self._measured.items():
                if name != "_place":  # a property of the network, requested during passes
                    measured.value = measured.error = measured.handed = None
                    measured.stale = True
            self._watchers = {}

    @contextmanager
    def _as_given(self, *, ours: bool) -> Iterator[None]:
        """Surround a signal that a proxy requests, and undo the proxy's changes meanwhile."""
        given = self._attributes.get("_given")  # not the attribute itself, which the proxy may have exchanged
        if not isinstance(given, Given):
            yield
            return
        table = vars(self)
        others = {name: table[name] for name in _PINNED if table.get(name) is not self._attributes[name]}
        with given.set_aside(numbers=not ours) as changed, self._exchanged(others):
            if spoilt := self._spoilt({name for frame in self._frames for name in frame.parts}):
                _merge(self._seen, {"shared signals": spoilt})
            self._forget(if_needed=changed or bool(spoilt) or bool(others))
            yield

    @contextmanager
    def _exchanged(self, others: dict[str, object]) -> Iterator[None]:
        """Restore these attributes for this block."""
        vars(self).update({name: self._attributes[name] for name in others})
        try:
            yield
        finally:
            vars(self).update(others)


def _merge(changes: Changes, more: Changes) -> None:
    for kind, places in more.items():
        changes.setdefault(kind, []).extend(places)
