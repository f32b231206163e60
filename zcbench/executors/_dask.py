"""Workers of a running Dask cluster."""

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
#: seconds between two checks of the cluster, while nothing finishes
_LOOK = 1.0
#: seconds between two checks of the futures
_GLANCE = 0.05
#: seconds without a worker after which the user is informed
_LONELY = 15.0
#: keys of the largest chunk; chunks become smaller towards the end, so that all workers finish at about the same time
_LARGEST = 5000
#: least seconds of work for which starting a process is worthwhile
_WORTH = 20.0


class DaskExecutor:
    """Sends keys in chunks to free workers.

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
        self._kept = False  # whether the connection stays open after a call

    def __enter__(self) -> DaskExecutor:
        self._kept = True
        return self

    def __exit__(self, *error: object) -> None:
        self._kept = False
        self._close()

    def carry_out(self, order: dict[str, Any], keys: Sequence[str], say: Callable[[str], object]) -> Iterator[Answer]:
        """Send chunks to workers, one for each of their threads; see :class:`Executor`."""
        import cloudpickle

        if self._client is None:
            self._client = self._connected()
        # By value, because a worker without zcbench must be able to report this.
        cloudpickle.register_pickle_by_value(_elsewhere)
        dealer = _Dealer(self._client, self.address, order, keys, say)
        try:
            yield from dealer.answers()
        finally:
            with suppress(ValueError):  # another run in this process did it already
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
    """Keep errors of a cluster out of the log of this process, because they are reported in our messages."""
    for name in ("distributed", "distributed.client", "distributed.core", "distributed.batched", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").addFilter(_is_not_of_dask)


def _is_not_of_dask(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not type(error).__module__.startswith(("distributed", "tornado"))


class _Dealer:
    """Chunks that are waiting, and chunks that workers have."""

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
        #: the order, as stored on the cluster
        self._sent: Any = None
        self._largest: int = order.get("chunk") or _LARGEST
        self._at_once: int = order.get("at_once") or sys.maxsize
        self._keys = deque(keys)
        #: chunks to send again, and how often they were lost
        self._again: deque[tuple[tuple[str, ...], int]] = deque()
        #: by future: the chunk, how often it was lost, and the workers that may compute it
        self._out: dict[Any, tuple[tuple[str, ...], int, set[str]]] = {}
        #: addresses of workers that cannot compute, and the reason of the last of them
        self._unfit: set[str] = set()
        self._why = ""
        #: number of keys for which a process is worthwhile
        self._worth = 1
        self._lonely = time.monotonic()

    def answers(self) -> Iterator[Answer]:
        while self._keys or self._again or self._out:
            slots = self._slots()
            fit = {worker: threads for worker, threads in slots.items() if worker not in self._unfit}
            if slots and not fit and not self._out:  # no worker can do it
                left = (*(key for chunk, _ in self._again for key in chunk), *self._keys)
                why = self._why.rstrip(".")
                yield Answer(left, f"no worker of the cluster is left that can do it ({why}).", fit=False)
                return
            if fit or self._out:
                self._lonely = time.monotonic()
            elif time.monotonic() - self._lonely > _LONELY:
                self._say(f"the Dask scheduler at {self._address} has no worker: zcbench waits until there is one.")
                self._lonely = float("inf")
            self._stranded(fit)
            self._give(fit)
            for future in self._finished():
                yield self._answer(future)

    def _slots(self) -> dict[str, int]:
        """Return the number of threads of the cluster's workers by address.

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
        """Send chunks until each thread of the workers has one."""
        places = min(sum(fit.values()), self._at_once)
        while fit and (self._again or self._keys) and len(self._out) < places:
            chunk, lost = self._again.popleft() if self._again else (self._next(places), 0)
            if self._sent is None:  # only once because it may be large; Dask restores it if it is lost with a worker
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
        """Cancel all pending chunks."""
        if self._out:
            with suppress(Exception):
                self._client.cancel(list(self._out), force=True)
            self._out.clear()

    def _next(self, places: int) -> tuple[str, ...]:
        """Return the next chunk: a third of each worker's share, but large enough to be worth starting a process."""
        left = len(self._keys)
        size = min(max(1, left // (3 * places), self._worth), -(-left // places), self._largest)
        return tuple(self._keys.popleft() for _ in range(size))

    def _stranded(self, fit: dict[str, int]) -> None:
        """Cancel chunks that wait for workers which have left, and queue them again."""
        for future, (chunk, lost, workers) in list(self._out.items()):
            if self._unfit and not future.done() and not workers & set(fit):
                future.cancel()
                del self._out[future]
                self._again.append((chunk, lost))

    def _finished(self) -> list[Any]:
        """Return futures that have ended, after at most a second."""
        until = time.monotonic() + _LOOK
        # distributed.wait is not used, because it raises if the scheduler ends.
        while not (found := [future for future in self._out if future.done()]) and time.monotonic() < until:
            time.sleep(_GLANCE)
        return found

    def _answer(self, future: Any) -> Answer:
        chunk, lost, _ = self._out.pop(future)
        try:
            found = future.result(timeout=_PATIENCE)
        except (Exception, asyncio.CancelledError) as error:  # lost with its worker, possibly after it was done
            self._slots()  # raises if the scheduler has ended
            self._sent = None
            trouble = f"a chunk of {len(chunk)} was lost: {first_line(error)}"
            if len(chunk) == 1 and type(error).__name__ == "KilledWorker":  # Dask itself tried several workers
                trouble, lost = "several workers died one after another while they computed it.", RETRIES
        else:
            trouble = found["trouble"] and f"{found['worker']}: {found['trouble']}"
            if not trouble:
                self._worth = math.ceil(_WORTH * len(chunk) / max(found["seconds"], 1e-3))
                return Answer(chunk, said=found["said"])
            if not found["fit"]:
                self._unfit.add(found["address"])
                self._why = trouble
                self._again.append((chunk, lost))  # not an error of the chunk
                return Answer(chunk, trouble, final=False, fit=False)
        if lost < RETRIES:
            self._again.append((chunk, lost + 1))
        return Answer(chunk, trouble, final=lost >= RETRIES)
