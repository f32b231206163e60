"""Latency of a stand-alone network on this machine, in processes that do nothing else.

Inferences are measured one after another, with nothing between them but the clock. Other programs cannot be excluded: a
busy machine makes single inferences much slower, and all of them somewhat (shared caches, memory, clock rates). Three
measures reduce this. There are many short rounds, which alternate with those of the other compared networks. There are
several new processes, because the place of a process in memory changes times by some per cent (T. Kalibera and R.
Jones, "Rigorous benchmarking in reasonable time", ISMM 2013). Only the half of the rounds is used in which the process
waited least for a core. Waiting is determined from the process's CPU time, not from the latencies. The remaining share
is reported.
"""

from __future__ import annotations

import math
import os
import pickle
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from zcbench import _arguments as rules
from zcbench._arguments import shown
from zcbench._imports import imported_files
from zcbench._workers import Crew, check_timeout
from zcbench.errors import InvalidInputError, MissingDependencyError, ZcbenchError, first_line
from zcbench.records import describe_environment
from zcbench.supernets._exportable import standing_alone
from zcbench.supernets._timing import Measuring, Plan, Round
from zcbench.types import Batch, Inputs

#: number of bootstrap samples for the interval of the median
_RESAMPLED = 500
#: share of waiting time above which the note mentions it
_BUSY = 0.05
#: ratio of p90 to p10 above which the note mentions it
_SPREAD = 2.0


@dataclass(frozen=True)
class Latency:
    """Milliseconds of an inference.

    Attributes:
        median: median of single inferences.
        p10: tenth percentile; the most stable number on a busy machine.
        p90: ninetieth percentile.
        low: lower end of the median's interval.
        high: upper end. The interval covers the 95 % interval of a bootstrap over rounds and the medians of all
            processes.
        repeats: number of inferences in these statistics.
        threads: threads of each inference.
        batch: samples of each inference.
        processes: number of new processes in which it was measured.
        waited: share of the time that the process waited for a core in these rounds; None with several threads,
            because threads also wait for each other.
        runtime: program that ran the network, with its version.
        machine: processor, cores and system.
        note: a sentence that a reader needs to know, or "".
    """

    median: float
    p10: float
    p90: float
    low: float
    high: float
    repeats: int
    threads: int
    batch: int
    processes: int
    waited: float | None
    runtime: str
    machine: str
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return all attributes by name."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.median:.3g} ms ({self.p10:.3g} to {self.p90:.3g})"


def latency(
    network: nn.Module | str | os.PathLike[str],
    inputs: Inputs,
    *,
    batch: int = 1,
    threads: int = 1,
    seconds: float = 1.0,
    rounds: int = 10,
    processes: int = 3,
    timeout: float = 60.0,
) -> Latency:
    """Measure a network's latency on this machine's processor, in processes that do nothing else.

    Args:
        network: in evaluation mode, on the CPU; or the path of an ``.onnx`` file, which onnxruntime runs.
        inputs: inputs in the network's form; the first dimension of every tensor counts samples.
        batch: samples of an inference, the first of ``inputs``.
        threads: threads of an inference.
        seconds: total measured time, without starts and warm-ups.
        rounds: rounds of each process.
        processes: number of new processes, one after the other.
        timeout: seconds that a start with its warm-up, or a round, may take.

    Raises:
        InvalidInputError: an argument is out of range, or the network raises or exceeds the timeout.
        MissingDependencyError: onnxruntime is not installed.
    """
    found = latencies(
        {"the network": network},
        inputs,
        batch=batch,
        threads=threads,
        seconds=seconds,
        rounds=rounds,
        processes=processes,
        timeout=timeout,
    )["the network"]
    if isinstance(found, str):
        raise InvalidInputError(found)
    return found


def latencies(
    networks: Mapping[str, nn.Module | str | os.PathLike[str]],
    inputs: Inputs,
    *,
    batch: int = 1,
    threads: int = 1,
    seconds: float = 1.0,
    rounds: int = 10,
    processes: int = 3,
    timeout: float = 60.0,
) -> dict[str, Latency | str]:
    """Measure several networks in alternating rounds, so that a machine that becomes busy slows all of them.

    Args:
        networks: by name, each as for :func:`latency`.
        inputs: inputs of all networks.
        batch: samples of an inference, the first of ``inputs``.
        threads: threads of an inference.
        seconds: total measured time of each network, without starts and warm-ups.
        rounds: rounds of each network in each process.
        processes: number of new processes, one after the other, each for all networks.
        timeout: seconds that a network's warm-up, or a round, may take.

    Returns:
        Latencies by name; a sentence for a network that cannot be measured.

    Raises:
        InvalidInputError: an argument is out of range.
        MissingDependencyError: onnxruntime is not installed, and a network is an ONNX file.
    """
    plan = Plan(
        batch=rules.whole("batch", batch, 1),
        threads=rules.whole("threads", threads, 1, 1024),
        rounds=rules.whole("rounds", rounds, 2, 10_000),
        processes=rules.whole("processes", processes, 1, 1_000),
        seconds=rules.number("seconds", seconds, 1e-3),
        timeout=timeout,
    )
    check_timeout(timeout)
    given = Batch(inputs)
    if len(given) < plan.batch:
        raise InvalidInputError(f"there are {len(given)} samples for a batch of {plan.batch}: give at least as many.")
    given = given[: plan.batch]
    found: dict[str, Latency | str] = {}
    sent: dict[str, bytes] = {}
    for name, network in networks.items():
        try:
            sent[name] = _sent(network, given)
        except MissingDependencyError:
            raise
        except ZcbenchError as error:
            found[name] = str(error)
    found |= _measured(sent, given, plan)
    return {name: found[name] for name in networks}


def _measured(sent: Mapping[str, bytes], inputs: Batch, plan: Plan) -> dict[str, Latency | str]:
    """Measure round by round, process after process."""
    rounds: dict[str, list[list[Round]]] = {name: [] for name in sent}
    failed: dict[str, str] = {}
    work = Measuring(sent, pickle.dumps(inputs.inputs), plan, imported_files())
    names = list(sent)
    for process in range(plan.processes):
        if not set(names) - set(failed):
            break
        for name in names:
            rounds[name].append([])
        with Crew(work, 1, plan.timeout) as crew:
            for number in range(plan.rounds):
                first = (process + number) % len(names)  # the order changes, so that no network always follows another
                tasks = [(name, ("",)) for name in (*names[first:], *names[:first]) if name not in failed]
                with closing(crew.do(tasks)) as results:
                    for name, _, result in results:
                        if isinstance(result, str):
                            failed[name] = result
                        else:
                            rounds[name][-1].append(result)
    machine = _machine()
    return {name: failed[name] if name in failed else _summary(rounds[name], plan, machine) for name in names}


def _summary(processes: Sequence[Sequence[Round]], plan: Plan, machine: str) -> Latency:
    """Summarize the half of each process's rounds that waited least."""
    quiet = [sorted(one, key=lambda round_: round_.waited)[: math.ceil(len(one) / 2)] for one in processes]
    used = [round_ for one in quiet for round_ in one]
    times = np.concatenate([one.times for one in used])
    low, high = _interval([one.times for one in used])
    middles = [float(np.median(np.concatenate([round_.times for round_ in one]))) for one in quiet]
    waited = float(np.mean([one.waited for one in used])) if plan.threads == 1 else None
    p10, median, p90 = (float(one) for one in np.quantile(times, (0.1, 0.5, 0.9)))
    note = ""
    if waited is not None and waited > _BUSY:
        note = f"The machine was busy: {waited:.0%} of the time was spent waiting for a core."
    elif plan.threads > (os.cpu_count() or 1):
        note = f"There are {plan.threads} threads for {os.cpu_count()} cores."
    elif p90 > _SPREAD * p10:
        note = f"Inferences differ much (p90 is {p90 / p10:.1f} times p10): other programs may have used the cores."
    return Latency(
        median=median,
        p10=p10,
        p90=p90,
        low=min(low, *middles),
        high=max(high, *middles),
        repeats=len(times),
        threads=plan.threads,
        batch=plan.batch,
        processes=len(processes),
        waited=waited,
        runtime=used[0].runtime,
        machine=machine,
        note=note,
    )


def _interval(rounds: Sequence[np.ndarray[Any, np.dtype[np.float64]]]) -> tuple[float, float]:
    """Return the 95 % interval of the median by resampling rounds, because inferences of one round are dependent."""
    rng = np.random.default_rng(0)
    drawn = [
        np.median(np.concatenate([rounds[place] for place in rng.integers(len(rounds), size=len(rounds))]))
        for _ in range(_RESAMPLED)
    ]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def _machine() -> str:
    _, about = describe_environment()
    return f"{about['processor']}, {about['cores']} cores, {about['platform']}"


# -- data for the processes ------------------------------------------------------------------------


def _sent(network: nn.Module | str | os.PathLike[str], inputs: Batch) -> bytes:
    """Return a network, or the content of an ONNX file, as a pickle.

    Raises:
        InvalidInputError: it is not a network, cannot be read, or cannot be sent.
        MissingDependencyError: onnxruntime is not installed.
    """
    if not isinstance(network, nn.Module):
        return pickle.dumps(_onnx_content(network))
    network = standing_alone(network, inputs)
    reason = ""
    main = sys.modules["__main__"]
    # Without a script (a notebook, python -c), another process cannot run it.
    if getattr(main, "__spec__", None) or getattr(main, "__file__", None):
        try:
            return pickle.dumps(network)
        except Exception as error:
            reason = first_line(error)
    try:
        import cloudpickle

        return bytes(cloudpickle.dumps(network))
    except ImportError:
        advice = "define its class in a module, or run  pip install cloudpickle"
    except Exception as error:
        reason, advice = first_line(error), "remove what cannot be pickled from it"
    raise InvalidInputError(f"the network cannot be sent to another process ({reason}): {advice}.")


def _onnx_content(path: object) -> bytes:
    try:
        file = Path(rules.path("the network", path))
    except InvalidInputError:
        raise InvalidInputError(f"the network is {shown(path)}: give a torch.nn.Module or an .onnx file.") from None
    if file.suffix != ".onnx":
        raise InvalidInputError(f"{file} is not an .onnx file: give one, or a torch.nn.Module.")
    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        raise MissingDependencyError("onnxruntime", "onnx", "the latency of an ONNX network") from None
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be read: {error.strerror or error}.") from None
