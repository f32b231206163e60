"""Workers of a Dask cluster that somebody has started."""

from __future__ import annotations

import asyncio
import logging
import math
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from zcbench.errors import InvalidInputError, MissingDependencyError, ZcbenchError, first_line
from zcbench.executors import _elsewhere
from zcbench.executors._protocol import RETRIES, Answer

_WRITTEN = re.compile(r"dask://([^/\s]+:[0-9]{1,5})")
#: seconds to wait for the scheduler's answer
_PATIENCE = 10.0
#: seconds between two looks at the cluster, where nothing comes
_LOOK = 1.0
#: seconds between two looks at the futures
_GLANCE = 0.05
#: seconds without a worker, after which the user is told
_LONELY = 15.0
#: keys of the largest chunk; chunks become smaller towards the end, so that nobody is waited for
_LARGEST = 5000
#: seconds of work for which it is worth to start a process
_WORTH = 20.0


class DaskExecutor:
    """Keys go out in chunks, to workers that are free.

    Args:
        text: the scheduler's address, "dask://HOST:PORT".

    Raises:
        MissingDependencyError: distributed is not installed.
    """

    def __init__(self, text: str) -> None:
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise InvalidInputError(f"the executor {text!r}: write the scheduler's address, dask://HOST:PORT.")
        try:
            import distributed
        except ImportError:
            raise MissingDependencyError("distributed", "dask", f"the executor {text}") from None
        self._distributed: Any = distributed
        self.address = found[1]

    def carry_out(self, order: dict[str, Any], keys: Sequence[str], say: Callable[[str], object]) -> Iterator[Answer]:
        """Give chunks to workers, one for each of their threads; see :class:`Executor`."""
        import cloudpickle

        _silence()
        try:
            client = self._distributed.Client(f"tcp://{self.address}", timeout=_PATIENCE, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise ZcbenchError(
                f"no Dask scheduler answers at {self.address} ({first_line(error)}): start one, or check the address."
            ) from None
        # By value: a worker may have no zcbench, and has to say so in our words.
        cloudpickle.register_pickle_by_value(_elsewhere)
        try:
            yield from _Dealer(client, self.address, order, keys, say).answers()
        finally:
            cloudpickle.unregister_pickle_by_value(_elsewhere)
            with suppress(Exception):
                client.close(timeout=_LOOK)


def _silence() -> None:
    """Keep what goes wrong on a cluster out of the log of this process: it is said in our words."""
    for name in ("distributed", "distributed.client", "distributed.core", "distributed.batched", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").addFilter(_is_not_of_dask)


def _is_not_of_dask(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not type(error).__module__.startswith(("distributed", "tornado"))


class _Dealer:
    """Chunks that nobody has, and those that workers have."""

    def __init__(
        self,
        client: Any,
        address: str,
        order: dict[str, Any],
        keys: Sequence[str],
        say: Callable[[str], object],
    ) -> None:
        self._client, self._address = client, address
        self._order, self._say = order, say
        self._keys = deque(keys)
        #: chunks to give out again, and how often they were lost
        self._again: deque[tuple[tuple[str, ...], int]] = deque()
        #: by future: the chunk, how often it was lost, and the workers that may take it
        self._out: dict[Any, tuple[tuple[str, ...], int, set[str]]] = {}
        #: addresses of workers that cannot do it
        self._unfit: set[str] = set()
        #: keys that take so long
        self._worth = 1
        self._lonely = time.monotonic()

    def answers(self) -> Iterator[Answer]:
        while self._keys or self._again or self._out:
            slots = self._slots()
            fit = {worker: threads for worker, threads in slots.items() if worker not in self._unfit}
            if slots and not fit and not self._out:  # nobody can do it
                left = (*(key for chunk, _ in self._again for key in chunk), *self._keys)
                yield Answer(left, "no worker of the cluster is left that can do it.")
                return
            if fit or self._out:
                self._lonely = time.monotonic()
            elif time.monotonic() - self._lonely > _LONELY:
                self._say(f"the Dask scheduler at {self._address} has no worker: this waits until one comes.")
                self._lonely = float("inf")
            self._stranded(fit)
            self._give(fit)
            for future in self._finished():
                yield self._answer(future)

    def _slots(self) -> dict[str, int]:
        """Threads of the cluster's workers by address.

        Raises:
            ZcbenchError: the scheduler has ended.
        """
        try:
            if self._client.status != "running":
                raise OSError
            workers = self._client.sync(self._client.scheduler.ncores, workers=None, callback_timeout=_PATIENCE)
            return {str(worker): int(threads) for worker, threads in workers.items()}
        except Exception:
            raise ZcbenchError(
                f"the Dask scheduler at {self._address} has ended: all scores until then are kept. "
                "Run the same command again when there is a scheduler."
            ) from None

    def _give(self, fit: dict[str, int]) -> None:
        """Give chunks out until each thread of the workers has one."""
        places = sum(fit.values())
        while fit and (self._again or self._keys) and len(self._out) < places:
            chunk, lost = self._again.popleft() if self._again else (self._next(places), 0)
            future = self._client.submit(
                _elsewhere.perform_on_dask,
                self._order,
                chunk,
                pure=False,
                workers=sorted(fit) if self._unfit else None,
            )
            self._out[future] = (chunk, lost, set(fit))

    def _next(self, places: int) -> tuple[str, ...]:
        """The next chunk: a third of what each place would get, but not too little to be worth a start."""
        left = len(self._keys)
        size = min(max(1, left // (3 * places), self._worth), -(-left // places), _LARGEST)
        return tuple(self._keys.popleft() for _ in range(size))

    def _stranded(self, fit: dict[str, int]) -> None:
        """Take back chunks that wait for workers which are gone."""
        for future, (chunk, lost, workers) in list(self._out.items()):
            if self._unfit and not future.done() and not workers & set(fit):
                future.cancel()
                del self._out[future]
                self._again.append((chunk, lost))

    def _finished(self) -> list[Any]:
        """Futures that have ended, after a second at the latest."""
        until = time.monotonic() + _LOOK
        # Not distributed.wait, which raises where a scheduler ends.
        while not (found := [future for future in self._out if future.done()]) and time.monotonic() < until:
            time.sleep(_GLANCE)
        return found

    def _answer(self, future: Any) -> Answer:
        chunk, lost, _ = self._out.pop(future)
        try:
            found = future.result(timeout=_PATIENCE)
        except (Exception, asyncio.CancelledError) as error:  # lost with its worker, also after it was done
            self._slots()  # says so if the scheduler has ended
            trouble = f"a chunk of {len(chunk)} was lost: {first_line(error)}"
        else:
            trouble = found["trouble"] and f"{found['worker']}: {found['trouble']}"
            if not trouble:
                self._worth = math.ceil(_WORTH * len(chunk) / max(found["seconds"], 1e-3))
                return Answer(chunk)
            if not found["fit"]:
                self._unfit.add(found["address"])
                self._again.append((chunk, lost))  # no fault of the chunk
                return Answer(chunk, trouble, final=False)
        if lost < RETRIES:
            self._again.append((chunk, lost + 1))
        return Answer(chunk, trouble, final=lost >= RETRIES)
