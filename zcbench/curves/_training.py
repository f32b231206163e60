"""Train the network on curves drawn from priors: resumable, with held-out log-likelihood as it goes."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from zcbench._files import whole
from zcbench.curves._network import CurveNetwork, Shape
from zcbench.curves._weights import read_weights
from zcbench.curves.priors import PRIORS
from zcbench.errors import InvalidInputError

#: how often a batch is of each prior; the extended one is the widest
OFTEN = {"paper": 0.3, "extended": 0.5, "sizes": 0.2}
#: epochs of curves, and how often
LENGTHS, SHARES = (100, 50, 25, 12), (0.55, 0.2, 0.15, 0.1)
#: values are clipped to this: what is far outside the range teaches nothing and breaks float32
RANGE = (-1.0, 2.0)
#: contexts at which progress is measured
CONTEXTS = (5, 10, 20, 50)
#: what the state to go on from is called, beside the weights
STATE = ".state.safetensors"
#: processes or threads, at most
_MOST = 256
#: seeds of held-out curves and of training never meet
_HELD_OUT = 987_654_321


class Batch(NamedTuple):
    """Curves of one length, and what is asked of them; see :meth:`CurveNetwork.forward`."""

    times: Tensor
    values: Tensor
    ends: Tensor
    prior: Tensor
    prefixes: Tensor
    targets: Tensor

    def on(self, device: torch.device) -> Batch:
        """The same on a device."""
        return Batch(*(part.to(device, non_blocking=True) for part in self))


class _Drawn(IterableDataset[Batch]):
    """Batches from a step on. The number of the step decides the batch, so that workers may draw them side by side."""

    def __init__(self, seed: int, start: int, curves: int) -> None:
        self.seed, self.start, self.curves = seed, start, curves

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        step, stride = (self.start, 1) if worker is None else (self.start + worker.id, worker.num_workers)
        while True:
            yield draw(np.random.default_rng([self.seed, 1, step]), self.curves)
            step += stride


def draw(rng: np.random.Generator, curves: int) -> Batch:
    """Draw a batch.

    A batch is of one prior and of one number of observed epochs. Curves of the paper's prior end at epoch 100; those of
    the extended prior end at their last epoch. One batch in four has missing epochs.

    Args:
        rng: decides it.
        curves: number of curves of 100 epochs; of shorter ones there are more.
    """
    number = int(rng.choice(len(PRIORS), p=[OFTEN[name] for name in PRIORS]))
    length = int(rng.choice(LENGTHS, p=SHARES))
    prior = list(PRIORS.values())[number]
    count = curves * 100 // length
    sparse = length < 100 and (prior.name == "paper" or rng.random() < 0.25)
    epochs = 100 if sparse else length
    sample = prior.sample(rng, count, epochs)
    times, values = np.broadcast_to(sample.times, sample.values.shape), sample.values
    if sparse:
        kept = np.sort(rng.random((count, 100)).argsort(1)[:, :length], 1)
        times, values = np.take_along_axis(times, kept, 1), np.take_along_axis(values, kept, 1)
    prefixes = np.sort(rng.choice(length, min(24, length), replace=False))
    targets = np.stack([rng.integers(start, length, 6) for start in prefixes])
    return Batch(
        torch.tensor(times, dtype=torch.float32),
        torch.tensor(np.clip(values, *RANGE), dtype=torch.float32),
        torch.full((count,), float(epochs)),
        torch.full((count,), number),
        torch.tensor(prefixes),
        torch.tensor(targets),
    )


def held_out(prior: str, curves: int = 400) -> Batch:
    """Curves that no training sees, of 100 epochs, all later values asked for."""
    sample = PRIORS[prior].sample(np.random.default_rng(_HELD_OUT), curves)
    return Batch(
        torch.tensor(sample.times, dtype=torch.float32).expand(curves, -1),
        torch.tensor(sample.values, dtype=torch.float32),
        torch.full((curves,), 100.0),
        torch.full((curves,), list(PRIORS).index(prior)),
        torch.empty(0, dtype=torch.long),
        torch.empty(0, dtype=torch.long),
    )


@torch.no_grad()
def log_densities(network: CurveNetwork, batch: Batch, contexts: tuple[int, ...] = CONTEXTS) -> dict[int, float]:
    """Mean log-density (nats) of all later values, by length of context."""
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
    """Muon for the matrices in the middle, Adam for all else."""
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
    """A training that can be stopped at any time and gone on with.

    Args:
        shape: sizes of the network.
        seconds: how long it takes altogether; the learning rate follows a cosine to zero over them.
        batch: curves of 100 epochs in a batch.
        rate: the highest learning rate.
        device: "cpu" or "cuda".
        seed: decides weights and curves.
        clock: tells seconds.
        workers: processes that draw curves; without them the training draws its own.
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
        """Matrix products in bfloat16; of networks this small, a processor without it is better off without."""
        kind = torch.device(self.device).type
        fast = kind != "cpu" or _has_bfloat16()
        return torch.autocast(kind, dtype=torch.bfloat16) if fast else nullcontext()

    def run(self) -> Iterator[None]:
        """Train, one step for each item."""
        gpu = torch.device(self.device).type != "cpu"
        if gpu:
            # Blocks alone: they are most of the work, and all of them are compiled once for each length.
            for block in self.network.blocks:
                block.compile(dynamic=False)
        drawn = _Drawn(self.seed, self.steps, self.batch)
        batches = iter(DataLoader(drawn, batch_size=None, num_workers=self.workers, pin_memory=gpu))
        while self.elapsed < self.seconds:
            began = self.clock()
            with torch._dynamo.config.patch(suppress_errors=True):  # what cannot be compiled runs as it is
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
            self.skipped += 1  # one odd batch must not end in weights that are nan
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        self.steps += 1
        self.curves += len(batch.values)
        keep = min(0.999, self.steps / (self.steps + 20))
        with torch.no_grad():
            for name, value in self.network.named_parameters():
                self.averaged[name].lerp_(value, 1 - keep)

    def result(self) -> CurveNetwork:
        """The network with averaged weights."""
        network = CurveNetwork(self.shape).to(self.device)
        with torch.no_grad():
            for name, weights in network.named_parameters():
                weights.copy_(self.averaged[name])
        return network.eval()

    def measure(self) -> dict[str, dict[int, float]]:
        """Held-out log-densities by prior and context, with averaged weights."""
        network = self.result()
        return {prior: log_densities(network, held_out(prior)) for prior in PRIORS}

    # -- on disk -----------------------------------------------------------------------------------

    def about(self) -> dict[str, Any]:
        """What is written beside the weights."""
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
        """Write weights, and beside them the state from which :meth:`resume` goes on."""
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
        """Go on from what :meth:`save` wrote, or from weights alone.

        Raises:
            InvalidInputError: the file is not of this kind, or of other priors.
        """
        full = path.with_suffix(STATE)
        whole_state = full.exists()
        about, tensors = read_weights(full if whole_state else path, "network/" if whole_state else "")
        known = about.get("training", {})
        try:
            training = cls(shape=Shape(**about["shape"]), **{**known, **changed})
            training._load(tensors, whole_state)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise InvalidInputError(
                f"{full if whole_state else path}: no training can go on from this file ({error}). Delete it to begin "
                "from the weights, or begin anew."
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
    """Whether this processor multiplies bfloat16 matrices itself."""
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


def begin(
    path: Path,
    *,
    start: Path | None = None,
    minutes: float = 60.0,
    device: str = "cpu",
    batch: int | None = None,
    width: int = 128,
    layers: int = 2,
    threads: int = 1,
    workers: int | None = None,
    seed: int = 0,
) -> Training:
    """A new training, or the one whose state is beside ``path``.

    Args:
        path: file of the weights to write.
        start: weights to begin with; their sizes hold.
        minutes: how long the whole training takes.
        device: "cpu" or "cuda".
        batch: curves of 100 epochs in a batch.
        width: of the network.
        layers: of the network.
        threads: of the processor.
        workers: processes that draw curves; by default one for each further core with "cuda", none with "cpu".
        seed: decides weights and curves.

    Returns:
        The training, ready for :func:`train`.

    Raises:
        InvalidInputError: a number is out of range, there is no such device, or a file is of another kind.
    """
    kind = device.partition(":")[0]
    if kind not in ("cpu", "cuda") or (kind == "cuda" and not torch.cuda.is_available()):
        raise InvalidInputError(f"--device {device}: torch has no such device here; choose cpu.")
    if path.suffix != ".safetensors":
        raise InvalidInputError(f"{path}: give the file of the weights a name that ends in .safetensors.")
    if not (math.isfinite(minutes) and minutes > 0):
        raise InvalidInputError(f"--minutes {minutes}: give a number above 0.")
    batch = batch if batch is not None else (2048 if kind == "cuda" else 64)
    workers = workers if workers is not None else (max(0, (os.cpu_count() or 1) - 1) if kind == "cuda" else 0)
    limits = {"batch": (1, 10**6), "width": (1, 1_024), "layers": (1, 64), "threads": (1, _MOST), "workers": (0, _MOST)}
    given = {"batch": batch, "width": width, "layers": layers, "threads": threads, "workers": workers, "seed": seed}
    for name, number in given.items():
        low, high = limits.get(name, (0, 2**63 - 1))
        if not low <= number <= high:
            raise InvalidInputError(f"--{name} {number}: give a number from {low} to {high}.")
    if width % Shape.heads:
        raise InvalidInputError(f"--width {width}: give a multiple of {Shape.heads}, the number of heads.")
    torch.set_num_threads(threads)
    if path.with_suffix(STATE).exists():
        return Training.resume(path, device=device, seconds=60 * minutes, workers=workers)
    chosen: dict[str, Any] = {"seconds": 60 * minutes, "batch": batch, "device": device, "seed": seed}
    if start is None:
        return Training(Shape(width=width, layers=layers), workers=workers, **chosen)
    fresh: dict[str, Any] = {"elapsed": 0.0, "steps": 0, "skipped": 0, "lines": []}
    return Training.resume(start, workers=workers, **chosen, **fresh)


def train(training: Training, path: Path, every: float = 60.0, say: Callable[[str], None] = print) -> Training:
    """Train to the end, saving and measuring now and then.

    Args:
        training: new, or resumed.
        path: file of the weights, ``.safetensors``; the state to go on from is written beside it.
        every: seconds between two measurements.
        say: is told a line of progress at each.

    Returns:
        The same training.
    """
    due = training.elapsed + every
    for _ in training.run():
        if training.elapsed >= due or training.elapsed >= training.seconds:
            due = training.elapsed + every
            found = training.measure()
            training.lines.append({"seconds": round(training.elapsed), "curves": training.curves, "found": found})
            training.save(path)
            say(_line(training, found))
    return training


def _line(training: Training, found: Mapping[str, Mapping[int, float]]) -> str:
    """Progress in one line of a terminal."""
    left = max(0.0, training.seconds - training.elapsed) / 60
    figures = "; ".join(f"{name} " + " ".join(f"{value:.3f}" for value in by.values()) for name, by in found.items())
    return f"{training.elapsed / 60:.1f} min, {left:.0f} left, {training.curves:,} curves: {figures}"
