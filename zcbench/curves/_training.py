"""Training of the network on curves drawn from priors: it can be resumed, and reports held-out log-likelihood."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from zcbench import devices
from zcbench._files import locked, whole
from zcbench.curves._batches import Batch, Drawn, held_out
from zcbench.curves._network import CurveNetwork, Shape
from zcbench.curves._weights import read_weights
from zcbench.curves.priors import PRIORS
from zcbench.errors import InvalidInputError

#: lengths of context for which progress is measured
CONTEXTS = (5, 10, 20, 50)
#: suffix of the file with the state for resuming, next to the weights
STATE = ".state.safetensors"
#: largest number of processes or threads
_MOST = 256


@torch.no_grad()
def log_densities(network: CurveNetwork, batch: Batch, contexts: tuple[int, ...] = CONTEXTS) -> dict[int, float]:
    """Return the mean log-density (nats) of all later values, by length of context."""
    found = {}
    device = next(network.parameters()).device
    times, values, ends, prior, *_ = batch.on(device)
    for context in contexts:
        later = torch.arange(context, values.shape[1], device=device)[None]
        prefix = torch.tensor([context], device=device)
        costs = [
            network(*part, prefix, later).mean((1, 2))
            for part in zip(*(torch.split(every, 100) for every in (times, values, ends, prior)), strict=True)
        ]
        found[context] = -float(torch.cat(costs).mean())
    return found


def optimizers(network: CurveNetwork, rate: float) -> list[torch.optim.Optimizer]:
    """Return Muon for the inner matrices and Adam for all other parameters."""
    matrices = [
        value
        for name, value in network.named_parameters()
        if value.ndim == 2 and (name.startswith("blocks") or name in ("thought.weight", "joined.weight"))
    ]
    known = {id(value) for value in matrices}
    others = [value for value in network.parameters() if id(value) not in known]
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


@dataclass
class Training:
    """A training that can be interrupted at any time and resumed.

    Args:
        shape: sizes of the network.
        seconds: total duration; the learning rate follows a cosine to zero over it.
        batch: number of curves of 100 epochs in a batch.
        rate: the highest learning rate.
        device: "cpu", "cuda:0", …
        seed: determines weights and curves.
        clock: returns the time in seconds.
        workers: number of processes that draw curves; with 0 the training process draws them.
    """

    shape: Shape = field(default_factory=Shape)
    seconds: float = 300.0
    batch: int = 64
    rate: float = 2e-3
    device: str = "cpu"
    seed: int = 0
    clock: Callable[[], float] = time.monotonic
    steps: int = 0
    curves: int = 0
    workers: int = 0
    skipped: int = 0
    elapsed: float = 0.0
    lines: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.network = CurveNetwork(self.shape).to(self.device)
        self.averaged = {name: value.detach().clone() for name, value in self.network.named_parameters()}
        self.optimizers = optimizers(self.network, self.rate)

    def precision(self) -> AbstractContextManager[Any]:
        """Return a context for bfloat16 products if the device supports them; otherwise they would be slower."""
        kind = torch.device(self.device).type
        fast = kind != "cpu" or _has_bfloat16()
        return torch.autocast(kind, dtype=torch.bfloat16) if fast else nullcontext()

    def run(self) -> Iterator[None]:
        """Train, one step for each item."""
        gpu = torch.device(self.device).type != "cpu"
        if gpu:
            # Only blocks are compiled: they are most of the work, and one compilation per length serves all of them.
            for block in self.network.blocks:
                block.compile(dynamic=False)
        drawn = Drawn(self.seed, self.steps, self.batch)
        batches = iter(DataLoader(drawn, batch_size=None, num_workers=self.workers, pin_memory=gpu))
        while self.elapsed < self.seconds:
            began = self.clock()
            with torch._dynamo.config.patch(suppress_errors=True):  # code that cannot be compiled runs uncompiled
                self._step(next(batches))
            self.elapsed += self.clock() - began
            yield

    def _step(self, batch: Batch) -> None:
        factor = min(1.0, (self.steps + 1) / 100) * (1 + math.cos(math.pi * min(1.0, self.elapsed / self.seconds))) / 2
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.rate * factor
        with self.precision():
            cost = self.network(*batch.on(torch.device(self.device))).mean()
        cost.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        if bool(torch.isfinite(norm)):
            for optimizer in self.optimizers:
                optimizer.step()
        else:
            self.skipped += 1  # a single unusual batch must not make weights nan
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        self.steps += 1
        self.curves += len(batch.values)
        keep = min(0.999, self.steps / (self.steps + 20))
        with torch.no_grad():
            for name, value in self.network.named_parameters():
                self.averaged[name].lerp_(value, 1 - keep)

    def result(self) -> CurveNetwork:
        """Return the network with averaged weights."""
        network = CurveNetwork(self.shape).to(self.device)
        with torch.no_grad():
            for name, weights in network.named_parameters():
                weights.copy_(self.averaged[name])
        return network.eval()

    def measure(self) -> dict[str, dict[int, float]]:
        """Return held-out log-densities by prior and context, with averaged weights."""
        network = self.result()
        return {prior: log_densities(network, held_out(prior)) for prior in PRIORS}

    # -- on disk -----------------------------------------------------------------------------------

    def about(self) -> dict[str, Any]:
        """Return the metadata of the weights."""
        return {
            "shape": self.network.config(),
            "priors": list(PRIORS),
            "training": {
                name: getattr(self, name)
                for name in (
                    "seconds",
                    "batch",
                    "rate",
                    "device",
                    "seed",
                    "steps",
                    "curves",
                    "skipped",
                    "elapsed",
                    "lines",
                )
            },
        }

    def save(self, path: Path) -> None:
        """Write the weights, and next to them the state from which :meth:`resume` continues."""
        from safetensors.torch import save

        about = self.about()
        weights = {name: value.cpu().contiguous() for name, value in self.averaged.items()}
        state = {
            f"network/{name}": value.detach().cpu().contiguous() for name, value in self.network.named_parameters()
        }
        for number, optimizer in enumerate(self.optimizers):
            for row, entry in optimizer.state_dict()["state"].items():
                for name, value in entry.items():
                    state[f"optimizer/{number}/{row}/{name}"] = torch.as_tensor(value).cpu().contiguous()
        state |= {f"averaged/{name}": value for name, value in weights.items()}
        words = {"about": json.dumps(about)}
        for file, tensors in ((path.with_suffix(STATE), state), (path, weights)):
            with whole(file, "Choose another file for the weights.") as fresh:
                fresh.write_bytes(save(tensors, words))

    @classmethod
    def resume(cls, path: Path, **changed: Any) -> Training:
        """Resume from the files of :meth:`save`, or from weights alone.

        Raises:
            InvalidInputError: the file is not of this kind, or was made with other priors.
        """
        full = path.with_suffix(STATE)
        whole_state = full.exists()
        advice = f"delete it to resume from the weights: --resume {path} --to OTHER.safetensors"
        about, tensors = read_weights(full, "network/", advice) if whole_state else read_weights(path)
        known = about.get("training", {})
        try:
            training = cls(shape=Shape(**about["shape"]), **{**known, **changed})
            training._load(tensors, whole_state)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise InvalidInputError(
                f"{full if whole_state else path}: a training cannot resume from this file ({error}). Delete it to "
                "start from the weights, or start a new training."
            ) from None
        return training

    def _load(self, tensors: Mapping[str, Tensor], whole_state: bool) -> None:
        with torch.no_grad():
            for name, value in self.network.named_parameters():
                value.copy_(tensors[f"network/{name}" if whole_state else name])
                self.averaged[name].copy_(tensors[f"averaged/{name}" if whole_state else name])
        for number, optimizer in enumerate(self.optimizers if whole_state else ()):
            state: dict[int, dict[str, Tensor]] = {}
            for key, tensor in tensors.items():
                if key.startswith(f"optimizer/{number}/"):
                    row, name = key.split("/")[2:]
                    state.setdefault(int(row), {})[name] = tensor
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _has_bfloat16() -> bool:
    """Return whether this processor multiplies bfloat16 matrices natively."""
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


def begin(
    path: Path,
    *,
    start: Path | None = None,
    minutes: float = 60.0,
    device: str | None = None,
    batch: int | None = None,
    width: int | None = None,
    layers: int | None = None,
    threads: int = 1,
    workers: int | None = None,
    seed: int | None = None,
) -> Training:
    """Make a new training, or resume the one whose state is next to ``path``.

    Args:
        path: file of the weights to write.
        start: initial weights, which determine the sizes.
        minutes: duration of the whole training.
        device: "cpu", "cuda", …; None for the one of :func:`zcbench.devices.chosen`.
        batch: number of curves of 100 epochs in a batch; by default 64, and 2,048 on a GPU.
        width: width of the network; by default 128.
        layers: number of layers of the network; by default 2.
        threads: number of CPU threads.
        workers: number of processes that draw curves; by default one for each further core with a GPU, none without.
        seed: determines weights and curves; by default 0.

    Returns:
        The training, ready for :func:`train`.

    Raises:
        InvalidInputError: a number is out of range or differs from the file's, there is no such device, or a file is of
            another kind.
    """
    place = devices.here(device)
    gpu = place.type != devices.CPU
    if path.suffix != ".safetensors":
        raise InvalidInputError(f"{path}: give the file of the weights a name that ends in .safetensors.")
    if not (math.isfinite(minutes) and minutes > 0):
        raise InvalidInputError(f"--minutes {minutes}: give a number above 0.")
    workers = workers if workers is not None else (max(0, (os.cpu_count() or 1) - 1) if gpu else 0)
    limits = {"batch": (1, 10**6), "width": (1, 1_024), "layers": (1, 64), "threads": (1, _MOST), "workers": (0, _MOST)}
    asked = {"batch": batch, "width": width, "layers": layers, "seed": seed}
    for name, number in (asked | {"threads": threads, "workers": workers}).items():
        low, high = limits.get(name, (0, 2**63 - 1))
        if number is not None and not low <= number <= high:
            raise InvalidInputError(f"--{name} {number}: give a number from {low} to {high}.")
    if width is not None and width % Shape.heads:
        raise InvalidInputError(f"--width {width}: give a multiple of {Shape.heads}, the number of heads.")
    torch.set_num_threads(threads)
    given = {name: number for name, number in asked.items() if number is not None}
    going: dict[str, Any] = {"seconds": 60 * minutes, "device": str(place), "workers": workers}
    if path.with_suffix(STATE).exists():
        return _of_file(Training.resume(path, **going), path, given)
    going |= {"batch": 2048 if gpu else 64, "seed": 0}
    going |= {name: given.pop(name) for name in ("batch", "seed") if name in given}
    if start is None:
        return Training(Shape(**given), **going)
    return _of_file(Training.resume(start, **going, elapsed=0.0, steps=0, skipped=0, lines=[]), start, given)


def _of_file(training: Training, path: Path, given: Mapping[str, int]) -> Training:
    """Return the training if its file has the requested settings."""
    has = training.network.config() | {"batch": training.batch, "seed": training.seed}
    for name, number in given.items():
        if has[name] != number:
            raise InvalidInputError(
                f"--{name} {number}: {path} has {has[name]}. Remove the option, or write to another file."
            )
    return training


def train(training: Training, path: Path, every: float = 60.0, say: Callable[[str], None] = print) -> Training:
    """Train to the end, saving and measuring at intervals.

    Args:
        training: new, or resumed.
        path: file of the weights, ``.safetensors``; the state for resuming is written next to it.
        every: seconds between two measurements.
        say: called with a line of progress at each measurement.

    Returns:
        The same training.
    """
    if not (math.isfinite(every) and every >= 1):
        raise InvalidInputError(f"--every {every}: give seconds, 1 or more.")
    say(f"{training.seconds / 60:g} minutes on {training.device}, {training.seconds - training.elapsed:.0f} s left.")
    due = training.elapsed + every
    lock = path.with_name(path.name + ".lock")
    with locked(lock, "choose another folder", busy=f"{path}: another process is training it; choose another file."):
        for _ in training.run():
            if training.elapsed >= due or training.elapsed >= training.seconds:
                due = training.elapsed + every
                found = training.measure()
                training.lines.append({"seconds": round(training.elapsed), "curves": training.curves, "found": found})
                training.save(path)
                say(_line(training, found))
    lock.unlink(missing_ok=True)
    return training


def _line(training: Training, found: Mapping[str, Mapping[int, float]]) -> str:
    """Return the progress in one line."""
    left = max(0.0, training.seconds - training.elapsed) / 60
    figures = "; ".join(f"{name} " + " ".join(f"{value:.3f}" for value in by.values()) for name, by in found.items())
    return f"{training.elapsed / 60:.1f} min, {left:.1f} min left, {training.curves:,} curves: {figures}"
