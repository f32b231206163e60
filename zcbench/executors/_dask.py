"""Workers of a Dask cluster that somebody has started."""

from __future__ import annotations

import asyncio
import logging
import math
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from zcbench.errors import InvalidInputError, MissingDependencyError, ZcbenchError, first_line
from zcbench.executors import _elsewhere
from zcbench.executors._protocol import RETRIES, Answer, EngineEndedError

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
        self._client: Any = None
        self._kept = False  # whether the connection outlasts a call

    def __enter__(self) -> DaskExecutor:
        self._kept = True
        return self

    def __exit__(self, *error: object) -> None:
        self._kept = False
        self._close()

    def carry_out(self, order: dict[str, Any], keys: Sequence[str], say: Callable[[str], object]) -> Iterator[Answer]:
        """Give chunks to workers, one for each of their threads; see :class:`Executor`."""
        import cloudpickle

        if self._client is None:
            self._client = self._connected()
        # By value: a worker may have no zcbench, and has to say so in our words.
        cloudpickle.register_pickle_by_value(_elsewhere)
        dealer = _Dealer(self._client, self.address, order, keys, say)
        try:
            yield from dealer.answers()
        finally:
            with suppress(ValueError):  # another run of this process was faster
                cloudpickle.unregister_pickle_by_value(_elsewhere)
            dealer.cancel()
            if not self._kept:
                self._close()

    def _connected(self) -> Any:
        _silence()
        try:
            return self._distributed.Client(f"tcp://{self.address}", timeout=_PATIENCE, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise ZcbenchError(
                f"no Dask scheduler answers at {self.address} ({first_line(error)}): start one, or check the address."
            ) from None

    def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
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
        #: the order, which is on the cluster
        self._sent: Any = None
        self._largest: int = order.get("chunk") or _LARGEST
        self._at_once: int = order.get("at_once") or sys.maxsize
        self._keys = deque(keys)
        #: chunks to give out again, and how often they were lost
        self._again: deque[tuple[tuple[str, ...], int]] = deque()
        #: by future: the chunk, how often it was lost, and the workers that may take it
        self._out: dict[Any, tuple[tuple[str, ...], int, set[str]]] = {}
        #: addresses of workers that cannot do it, and why the last of them cannot
        self._unfit: set[str] = set()
        self._why = ""
        #: keys that take so long
        self._worth = 1
        self._lonely = time.monotonic()

    def answers(self) -> Iterator[Answer]:
        while self._keys or self._again or self._out:
            slots = self._slots()
            fit = {worker: threads for worker, threads in slots.items() if worker not in self._unfit}
            if slots and not fit and not self._out:  # nobody can do it
                left = (*(key for chunk, _ in self._again for key in chunk), *self._keys)
                why = self._why.rstrip(".")
                yield Answer(left, f"no worker of the cluster is left that can do it ({why}).", fit=False)
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
            EngineEndedError: the scheduler has ended.
        """
        try:
            if self._client.status != "running":
                raise OSError
            workers = self._client.sync(self._client.scheduler.ncores, workers=None, callback_timeout=_PATIENCE)
            return {str(worker): int(threads) for worker, threads in workers.items()}
        except Exception:
            raise EngineEndedError(f"the Dask scheduler at {self._address}") from None

    def _give(self, fit: dict[str, int]) -> None:
        """Give chunks out until each thread of the workers has one."""
        places = min(sum(fit.values()), self._at_once)
        while fit and (self._again or self._keys) and len(self._out) < places:
            chunk, lost = self._again.popleft() if self._again else (self._next(places), 0)
            if self._sent is None:  # once: it may be large, and Dask makes it again where it was lost with a worker
                self._sent = self._client.submit(_elsewhere.same, self._order, pure=False)
            future = self._client.submit(
                _elsewhere.perform_on_dask,
                self._sent,
                chunk,
                pure=False,
                workers=sorted(fit) if self._unfit else None,
            )
            self._out[future] = (chunk, lost, set(fit))

    def cancel(self) -> None:
        """Take back all that is out."""
        if self._out:
            with suppress(Exception):
                self._client.cancel(list(self._out), force=True)
            self._out.clear()

    def _next(self, places: int) -> tuple[str, ...]:
        """The next chunk: a third of what each place would get, but not too little to be worth a start."""
        left = len(self._keys)
        size = min(max(1, left // (3 * places), self._worth), -(-left // places), self._largest)
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
            self._sent = None
            trouble = f"a chunk of {len(chunk)} was lost: {first_line(error)}"
            if len(chunk) == 1 and type(error).__name__ == "KilledWorker":  # Dask itself gave it to one after another
                trouble, lost = "several workers died one after another while they computed it.", RETRIES
        else:
            trouble = found["trouble"] and f"{found['worker']}: {found['trouble']}"
            if not trouble:
                self._worth = math.ceil(_WORTH * len(chunk) / max(found["seconds"], 1e-3))
                return Answer(chunk, said=found["said"])
            if not found["fit"]:
                self._unfit.add(found["address"])
                self._why = trouble
                self._again.append((chunk, lost))  # no fault of the chunk
                return Answer(chunk, trouble, final=False, fit=False)
        if lost < RETRIES:
            self._again.append((chunk, lost + 1))
        return Answer(chunk, trouble, final=lost >= RETRIES)
