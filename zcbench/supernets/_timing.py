"""The work of a process that measures latencies and does nothing else."""

from __future__ import annotations

import gc
import math
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from zcbench._foreign import Foreign
from zcbench._workers import Begin
from zcbench.probe.calling import invoke
from zcbench.supernets._export import fed
from zcbench.types import Status

#: least seconds and inferences of a warm-up
_WARM, _WARM_CALLS = 0.1, 5
#: uncounted inferences at the beginning of a round, because another network ran before
_AGAIN = 3
#: largest number of inferences of a round
_MOST = 5_000


@dataclass(frozen=True)
class Plan:
    """The amount of measurements; see :func:`zcbench.supernets.latency`."""

    batch: int
    threads: int
    rounds: int
    processes: int
    seconds: float
    timeout: float

    @property
    def round(self) -> float:
        """Seconds of a round."""
        return self.seconds / (self.rounds * self.processes)


@dataclass(frozen=True)
class Round:
    """Milliseconds of consecutive inferences, and the share of the time that was spent waiting."""

    times: np.ndarray[Any, np.dtype[np.float64]]
    waited: float
    runtime: str


class Measuring:
    """The work of a process; see :class:`zcbench._workers.Work`."""

    def __init__(self, networks: Mapping[str, bytes], inputs: bytes, plan: Plan, imports: tuple[str, ...]) -> None:
        self.imports = imports
        self._networks, self._inputs, self._plan = dict(networks), inputs, plan
        self._calls: dict[str, tuple[Callable[[], object], str, int]] = {}

    def prepare(self) -> None:
        """Set the number of threads for one network at a time, and treat denormal numbers as zero, as in deployment."""
        from zcbench._imports import import_file

        for path in self.imports:
            import_file(path)
        torch.set_num_threads(self._plan.threads)
        torch.set_flush_denormal(True)
        gc.disable()  # cycles of some seconds are not collected

    def results(self, key: str, parts: Sequence[str], begin: Begin = str) -> Iterator[tuple[str, Round | str]]:
        """Yield a round of a network, or why there is none."""
        for part in parts:
            begin(part)
            found: Round | str = ""
            with Foreign(tidy=True) as call, torch.inference_mode():
                found = self._round(key)
            yield part, found if call.kind is None else f"the network fails: {call.said}"

    def lost(self, status: Status, reason: str, seconds: float) -> str:
        """Return why there is no result when the process died or was stopped."""
        if status is Status.TIMED_OUT:
            return f"the network did not finish within {self._plan.timeout:g} s: give a longer timeout."
        return f"the network ended its process: {reason}"

    def _round(self, name: str) -> Round:
        if name not in self._calls:
            run, runtime = self._runner(pickle.loads(self._networks[name]))
            self._calls[name] = (run, runtime, warmed(run, self._plan.round))
        run, runtime, count = self._calls[name]
        times = np.empty(count)
        for _ in range(_AGAIN if count > _AGAIN else 1):
            run()
        clock = time.perf_counter
        began, busy = clock(), time.process_time()
        for number in range(count):
            before = clock()
            run()
            times[number] = clock() - before
        wall, busy = clock() - began, time.process_time() - busy
        waited = max(0.0, 1 - busy / (wall * self._plan.threads))
        return Round(times * 1e3, waited, runtime)

    def _runner(self, network: nn.Module | bytes) -> tuple[Callable[[], object], str]:
        inputs = pickle.loads(self._inputs)
        if isinstance(network, nn.Module):
            return lambda: invoke(network, inputs), f"torch {torch.__version__}"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self._plan.threads, 1
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        given = fed([one.name for one in session.get_inputs()], inputs)
        return lambda: session.run(None, given), f"onnxruntime {onnxruntime.__version__}"


def warmed(run: Callable[[], object], seconds: float) -> int:
    """Run until the network is warm; return the number of inferences that take ``seconds``."""
    clock = time.perf_counter
    began, calls, fastest = clock(), 0, math.inf
    while calls < _WARM_CALLS or clock() - began < _WARM:
        before = clock()
        run()
        fastest = min(fastest, clock() - before)
        calls += 1
        if calls == 1 and fastest > _WARM:  # one inference of a slow network is enough
            break
    return max(1, min(_MOST, round(seconds / fastest)))
