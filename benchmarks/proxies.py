"""What do proxies cost, as ratios to the obvious way in the same process?

python benchmarks/proxies.py           # about ten minutes; CPU time, one thread
python benchmarks/proxies.py --quick   # the smallest of everything: does it run?
python benchmarks/proxies.py --device cuda   # every proxy on a GPU, in forward and backward passes; about five minutes
python benchmarks/proxies.py --launches      # operations of every proxy on a device: kernels, and waits for results

Networks: NAS-Bench-201's with five 3 x 3 convolutions (batch 64; 32 for the kernels) and an encoder of four layers,
256 wide, on 16 sequences of 64 words. "Obvious" is the way in which the authors of a proxy compute it: a pass per
sample and all gradients kept for GradSign, a backward pass per sample and the whole Jacobian for the kernels, a pass
per proxy for the rest. Values are compared before times are.
"""

from __future__ import annotations

import argparse
import itertools
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import zcbench
from zcbench import devices
from zcbench.probe import Probe
from zcbench.probe._handed import Handed
from zcbench.probe._snapshot import Given
from zcbench.probe._world import Seeded, Settings
from zcbench.spaces._flexibert_network import Encoder
from zcbench.types import Batch

CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
SMALL = "|none~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|"
#: kernels with batch norm in train mode: a backward pass of the whole batch per sample, or per class
TRAIN_MODE = ("ntk_cond", "lga_classes")
KERNELS = ("ntk_cond:batch_norm=eval",)


def cpu_seconds(work: Callable[[], object], rounds: int = 2) -> float:
    """Return the fastest of a few rounds, in CPU time, so that other processes on the machine have little influence."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def network(cell: str) -> nn.Module:
    """Return NAS-Bench-201's own network."""
    torch.manual_seed(0)
    space = zcbench.get_space("nasbench201")
    return space.build(space.parse(cell))


class Classifier(nn.Module):
    """A BERT with ten classes, small by default."""

    def __init__(self, width: int = 256, layers: int = 4) -> None:
        super().__init__()
        torch.manual_seed(0)
        layer = {
            "operation_type": "SA",
            "operation_parameter": "SDP",
            "num_operation_heads": width // 64,
            "feed_forward_dimension": 4 * width,
            "num_feed_forward": 1,
        }
        self.encoder, self.head = Encoder(width, [layer] * layers, words=2000), nn.Linear(width, 10)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(batch, length)`` to logits."""
        logits: Tensor = self.head(self.encoder(tokens).mean(1))
        return logits


# -- the obvious ways --------------------------------------------------------------------------


def gradsign_loop(model: nn.Module, inputs: Tensor, targets: Tensor) -> float:
    """Run a forward and a backward pass for every sample; all gradients are kept, then their signs are summed."""
    model.train()
    rows = []
    for x, y in zip(inputs, targets, strict=True):
        model.zero_grad()
        F.cross_entropy(model(x[None]), y[None]).backward()
        rows.append(
            torch.cat([torch.zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in model.parameters()])
        )
    model.zero_grad()
    return float(torch.stack(rows).sign().sum(0).abs().sum())


def gradsign_lean_loop(model: nn.Module, inputs: Tensor, targets: Tensor) -> float:
    """Do the same, with signs summed one after another."""
    model.train()
    parameters = list(model.parameters())
    totals = [torch.zeros_like(p) for p in parameters]
    for x, y in zip(inputs, targets, strict=True):
        gradients = torch.autograd.grad(F.cross_entropy(model(x[None]), y[None]), parameters, allow_unused=True)
        for total, gradient in zip(totals, gradients, strict=True):
            if gradient is not None:
                total += gradient.sign()
    return float(sum(total.abs().sum() for total in totals))


def jacobian(model: nn.Module, inputs: Tensor, *, train: bool) -> Tensor:
    """Return gradients of every sample's summed outputs, ``(batch, parameters)``, by a backward pass each."""
    model.train(train)
    sums, parameters = model(inputs).sum(1), list(model.parameters())
    rows = [torch.autograd.grad(s, parameters, retain_graph=True) for s in sums]
    return torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])


# -- measurements ------------------------------------------------------------------------------


def report(what: str, value: float, unit: str, target: str = "", note: str = "") -> None:
    """Print a line of the result."""
    print(f"{what:66} {value:6.2f} {unit:18} {target:16} {note}".rstrip(), flush=True)


def against(what: str, slow: Callable[[], float], fast: Callable[[], float], target: str, tolerance: float) -> None:
    """Compare values, then times."""
    a, b = slow(), fast()
    assert math.isclose(a, b, rel_tol=tolerance), f"{what}: {a} and {b}"
    slow_seconds, seconds = cpu_seconds(slow, 1), cpu_seconds(fast)
    report(what, slow_seconds / seconds, "x faster", target, f"{seconds:.2f} s; values {b:.7g} and {a:.7g}")


def images(cell: str, batch: int, few: int) -> None:
    """Measure everything on the cell network."""
    model = network(cell)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(batch, 3, 32, 32, generator=generator)
    targets = torch.arange(batch) % 10

    def forward() -> None:
        with torch.no_grad():
            model(inputs)

    def forward_backward() -> None:
        torch.autograd.grad(F.cross_entropy(model(inputs), targets), list(model.parameters()))

    def ours(*names: str, size: int = batch) -> float:
        scores = zcbench.score(model, inputs[:size], targets[:size], names)
        assert all(s.status == "ok" for s in scores.values()), scores
        return float(next(iter(scores.values())))

    forward_backward()
    unit, pass_ = cpu_seconds(forward_backward, 3), cpu_seconds(forward, 3)
    print(f"one forward pass {pass_:.2f} s, forward and backward {unit:.2f} s of CPU time\n")

    # The signs of gradients that are zero up to round-off are noise: a few in ten thousand.
    against(
        "GradSign: loop over samples, gradients kept",
        lambda: gradsign_loop(model, inputs, targets),
        lambda: ours("gradsign"),
        ">= 3",
        2e-3,
    )
    against(
        "GradSign: loop over samples, signs summed at once",
        lambda: gradsign_lean_loop(model, inputs, targets),
        lambda: ours("gradsign"),
        "",
        2e-3,
    )
    x = inputs[:few]

    def gram(train: bool) -> Tensor:
        rows = jacobian(model, x, train=train)
        return rows @ rows.T

    against(
        f"NTK, batch norm eval, B = {few}: Jacobian row by row",
        lambda: float(gram(train=False).norm()),
        lambda: ours("ntk_norm", size=few),
        ">= 10",
        1e-3,
    )
    against(
        f"NTK mean, batch norm train, B = {few}",
        lambda: float(gram(train=True).mean()),
        lambda: ours("ntk_mean", size=few),
        ">= 15",
        1e-3,
    )
    classes = targets[:few]
    picks = torch.stack([(classes == c).float() / (classes == c).sum() for c in classes.unique()])

    def class_means() -> float:
        with Probe(model, Batch(x, classes)) as probe:
            return float(probe.class_kernel.norm())

    against(
        f"LGA's class sums, batch norm train, B = {few}",
        lambda: float((picks @ gram(train=True) @ picks.T).norm()),
        class_means,
        ">= 3",
        1e-3,
    )

    fused = ("fisher", "snip", "plain", "grad_norm", "l2_norm")
    report(", ".join(fused), cpu_seconds(lambda: ours(*fused)) / unit, "forward+backward", "<= 1.25")
    codes = ("naswot", "swap", "linear_regions")
    report(", ".join(codes), cpu_seconds(lambda: ours(*codes)) / pass_, "forward", "<= 2")
    everything(model, inputs, targets, unit, "convolutional")


def everything(model: nn.Module, inputs: Tensor, targets: Tensor, unit: float, domain: str) -> None:
    """Measure each proxy of a domain alone, and all together."""
    names = [
        name
        for name in zcbench.list_proxies()
        if {"any", domain} & set(zcbench.get_proxy(name).domains) and name not in TRAIN_MODE
    ]
    names += KERNELS

    def work(*chosen: str) -> None:
        scores = zcbench.score(model, inputs, targets, chosen)
        assert not (failed := [name for name, one in scores.items() if one.status == "failed"]), failed

    alone = {name: cpu_seconds(lambda name=name: work(name)) for name in names}  # type: ignore[misc]
    together = cpu_seconds(lambda: work(*names))
    print()
    report(
        f"all {len(names)} {domain} proxies together, of the sum of each alone",
        together / sum(alone.values()),
        "",
        "<= 0.4",
        f"{together:.2f} s of {sum(alone.values()):.2f} s",
    )
    for name, seconds in sorted(alone.items(), key=lambda item: item[1]):
        report(f"  {name}", seconds / unit, "forward+backward")


def memory(cell: str, batch: int) -> None:
    """Measure GradSign's extra memory, in separate processes: the increase of the process's peak."""
    found = {}
    for what in ("forward+backward", "gradsign", "loop"):
        command = [sys.executable, __file__, "--memory", what, "--cell", cell, "--batch", str(batch)]
        found[what] = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    if not found["forward+backward"]:
        return  # too small to be measured
    size = sum(p.numel() for p in network(cell).parameters()) * 4 / 2**20
    note = f"MiB; forward and backward {found['forward+backward']:.0f}, a copy of the parameters {size:.0f}"
    report(
        "\nGradSign's extra memory, of what a forward and backward pass holds",
        (found["gradsign"] - found["forward+backward"]) / (found["forward+backward"] + size),
        "",
        "<= 1",
        f"peak {found['gradsign']:.0f} {note}; the loop that keeps gradients {found['loop']:.0f}",
    )


def peak(what: str, cell: str, batch: int) -> float:
    """Return the MiB by which one computation raises this process's peak."""
    torch.set_num_threads(1)
    model = network(cell)
    inputs, targets = torch.randn(batch, 3, 32, 32), torch.arange(batch) % 10
    zcbench.score(model, inputs[:3], targets[:3], ["gradsign"])  # imports and compiles everything once
    gradsign_loop(model, inputs[:3], targets[:3])
    Path("/proc/self/clear_refs").write_text("5")  # reset the peak (Linux)
    before = _status("VmRSS")
    if what == "gradsign":
        zcbench.score(model, inputs, targets, ["gradsign"])
    elif what == "loop":
        gradsign_loop(model, inputs, targets)
    else:
        torch.autograd.grad(F.cross_entropy(model(inputs), targets), list(model.parameters()))
    return _status("VmHWM") - before


def _status(key: str) -> float:
    """Return a line of this process's memory accounting, MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(key))) / 1024


def workers(limit: int) -> None:
    """Compare a run with one worker and with two, and their records."""
    seconds, values = {}, {}
    for number in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            evaluation = zcbench.evaluate(
                "digits-201", ["naswot", "grad_norm", "gradsign"], limit=limit, workers=number, store=folder
            )
            seconds[number] = time.perf_counter() - started
            values[number] = {e.proxy: e.tau.value for e in evaluation.entries}
    assert values[1] == values[2], values
    print()
    report(
        f"two workers against one, digits-201, {limit} cells, wall time",
        seconds[1] / seconds[2],
        "x faster",
        ">= 1.8",
        f"{seconds[1]:.0f} s and {seconds[2]:.0f} s, start included",
    )


def words(batch: int) -> None:
    """Measure the same for a small BERT."""
    model = Classifier()
    tokens = torch.randint(2000, (batch, 64), generator=torch.Generator().manual_seed(0))
    targets = torch.arange(batch) % 10

    def forward_backward() -> None:
        torch.autograd.grad(F.cross_entropy(model(tokens), targets), list(model.parameters()), allow_unused=True)

    def ours(name: str) -> float:
        return float(zcbench.score(model, tokens, targets, [name])[name])

    forward_backward()
    unit = cpu_seconds(forward_backward, 3)
    print(f"\nsmall BERT, {batch} x 64 words: forward and backward {unit:.2f} s of CPU time\n")
    against(
        "GradSign: loop over samples, gradients kept",
        lambda: gradsign_loop(model, tokens, targets),
        lambda: ours("gradsign"),
        ">= 3",
        2e-2,
    )

    def gram() -> float:
        rows = []
        for sum_ in model(tokens).sum(1):
            found = torch.autograd.grad(sum_, list(model.parameters()), retain_graph=True, allow_unused=True)
            rows.append(torch.cat([g.flatten() for g in found if g is not None]))
        table = torch.stack(rows)
        return float((table @ table.T).norm())

    # One float32 product over all parameters has an error of .2 %; ours, summed by layer in float64, has 1e-6.
    against(f"NTK, B = {batch}: Jacobian row by row", gram, lambda: ours("ntk_norm"), ">= 10", 5e-3)
    everything(model, tokens, targets, unit, "transformer")


class Bottleneck(nn.Module):
    """A block of ResNet-50."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        width = c_out // 4
        sizes = ((c_in, width, 1, 1), (width, width, 3, stride), (width, c_out, 1, 1))
        layers: list[nn.Module] = []
        for a, b, kernel, step in sizes:
            layers += [nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
        self.path = nn.Sequential(*layers[:-1])
        self.short: nn.Module = nn.Identity()
        if (c_in, stride) != (c_out, 1):
            self.short = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.path(x) + self.short(x))


def resnet50() -> nn.Module:
    """Return a network of ResNet-50's size."""
    torch.manual_seed(0)
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    c_in = 64
    for c_out, count, stride in ((256, 3, 1), (512, 4, 2), (1024, 6, 2), (2048, 3, 2)):
        for i in range(count):
            layers.append(Bottleneck(c_in, c_out, 1 if i else stride))
            c_in = c_out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


def guarding(*, quick: bool) -> None:
    """Measure the cost of the checks for changes after every proxy, as a share of the standard set's time."""
    generator = torch.Generator().manual_seed(0)
    space = zcbench.get_space("digits-201")
    cells = [space.build(architecture) for architecture in itertools.islice(space, 0, 15_000, 3_000 if quick else 500)]
    cases: list[tuple[str, list[nn.Module], Tensor, int]] = [
        (
            f"{len(cells)} cells of digits-201, 64 images of 8 x 8",
            cells,
            torch.randn(64, 1, 8, 8, generator=generator),
            8,
        )
    ]
    if not quick:
        cases += [
            ("ResNet-50, 16 images of 128 x 128", [resnet50()], torch.randn(16, 3, 128, 128, generator=generator), 4),
            ("BERT-base, 16 x 64 words", [Classifier(768, 12)], torch.randint(2000, (16, 64), generator=generator), 3),
        ]
    for what, models, inputs, rounds in cases:
        targets, spent = torch.arange(len(inputs)) % 10, [0.0]
        shares = []
        with ExitStack() as stack:
            for owner, name in (
                (Given, "_tensors_untouched"),
                (Given, "restore"),
                (Settings, "changed"),
                (Seeded, "changed"),
                (Handed, "__init__"),
                (Handed, "changed"),
            ):
                stack.enter_context(mock.patch.object(owner, name, _timed(getattr(owner, name), spent)))
            for _ in range(rounds):
                spent[0], started = 0.0, time.thread_time()
                for model in models:
                    zcbench.score(model, inputs, targets)
                shares.append(spent[0] / (time.thread_time() - started))
        report(f"checks after every proxy of the standard set: {what}", 100 * min(shares[1:]), "% of the time", "<= 3")


def _timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    """Return a function that also adds up the time of its calls."""

    def timed(*arguments: Any, **keywords: Any) -> Any:
        started = time.thread_time()
        try:
            return function(*arguments, **keywords)
        finally:
            spent[0] += time.thread_time() - started

    return timed


# -- on accelerators ---------------------------------------------------------------------------


def specimens(quick: bool) -> dict[str, tuple[nn.Module, Batch]]:
    """Return networks with their batches: an image cell, ResNet-50's size, BERT-base's size; or small ones."""
    generator = torch.Generator().manual_seed(0)
    batch, images, side, words, length = (8, 2, 64, 2, 16) if quick else (64, 32, 224, 16, 128)
    inputs = {
        f"NAS-Bench-201, {batch} x 32²": (
            network(SMALL if quick else CELL),
            torch.randn(batch, 3, 32, 32, generator=generator),
        ),
        f"ResNet-50, {images} x {side}²": (resnet50(), torch.randn(images, 3, side, side, generator=generator)),
        f"BERT-base, {words} x {length} words": (
            Classifier(128, 2) if quick else Classifier(768, 12),
            torch.randint(2000, (words, length), generator=generator),
        ),
    }
    return {name: (model, Batch(x, torch.arange(len(x)) % 10)) for name, (model, x) in inputs.items()}


def on_device(device: str, *, quick: bool) -> None:
    """Print every proxy's wall time alone, in forward and backward passes, and the peak of memory."""
    place = devices.here(device)
    print(f"{devices.name_of(place) or place}, torch {torch.__version__}")
    for title, (model, batch) in specimens(quick).items():
        moved = model.to(place)
        inputs, targets = batch.inputs.to(place), batch.targets.to(place)

        def step(moved: nn.Module = moved, inputs: Tensor = inputs, targets: Tensor = targets) -> None:
            F.cross_entropy(moved(inputs), targets).backward()
            moved.zero_grad(set_to_none=True)

        step()  # chooses and loads kernels
        times = []
        for _ in range(2 if quick else 5):
            began = devices.now(place)
            step()
            times.append(devices.now(place) - began)
        unit = min(times)
        print(f"\n{title}: forward and backward {1e3 * unit:.1f} ms\n\n| proxy | passes | MiB |\n|:---|---:|---:|")
        labels, alone = zcbench.list_proxies(), 0.0
        for label in labels:
            scores = [zcbench.score(moved, inputs, targets, [label])[label] for _ in range(2)]
            best = min(scores, key=lambda score: score.seconds)
            alone += best.seconds
            memory = "" if math.isnan(best.memory) else f"{best.memory / 2**20:,.0f}"
            print(f"| `{label}` | {best.seconds / unit:.1f} | {memory} |" + (f" {best.status}" * (best.value is None)))
        for name, some in (("the standard set", ["standard"]), ("all", ["all"])):
            began = devices.now(place)
            zcbench.score(moved, inputs, targets, some)
            together = devices.now(place) - began
            print(f"| {name}, in one call | {together / unit:.1f} | |")
        print(f"\nthe sum of each alone: {alone / unit:.1f} passes")


def launches(*, quick: bool) -> None:
    """Print the operations of every proxy on a device that works like a GPU, counted on the CPU.

    For each proxy alone, these are operations that start a kernel, and reads for which the CPU waits until the device
    is done. The networks are narrow, with the number of layers of the real ones.
    """
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    import second_device as twin

    device = twin.set_up()
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4 if quick else 16, 3, 16, 16, generator=generator)
    words = torch.randint(2000, (4 if quick else 8, 16), generator=generator)
    for title, model, inputs in (
        ("NAS-Bench-201", network(SMALL if quick else CELL), images),
        ("BERT of 4 layers", Classifier(64, 1 if quick else 4), words),
    ):
        model, inputs = model.to(device), inputs.to(device)
        targets = (torch.arange(len(inputs)) % 10).to(device)
        twin.LAUNCHES.clear()
        F.cross_entropy(model(inputs), targets).backward()
        model.zero_grad(set_to_none=True)
        unit = twin.LAUNCHES.total()
        print(f"\n{title}, {len(inputs)} samples: a forward and backward pass launches {unit}\n")
        print("| proxy | launches | of a pass | waits |\n|:---|---:|---:|---:|")
        for label in [*zcbench.list_proxies(), "standard", "all"]:
            twin.LAUNCHES.clear(), twin.WAITS.clear()
            scores = zcbench.score(model, inputs, targets, [label])
            if any(score.value is not None for score in scores.values()):
                count = twin.LAUNCHES.total()
                print(f"| `{label}` | {count:,} | {count / unit:.1f} | {twin.WAITS.total():,} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--guarding", action="store_true", help="only the cost of the checks after every proxy")
    parser.add_argument("--device", help="cost of every proxy on this device: cpu, cuda, cuda:1, mps")
    parser.add_argument(
        "--launches", action="store_true", help="kernels that every proxy starts, and waits for results"
    )
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    parser.add_argument("--cell", default=CELL, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, default=64, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.guarding:
        torch.set_num_threads(1)
        guarding(quick=options.quick)
        return
    if options.device or options.launches:
        torch.set_num_threads(1)
        if options.device:
            on_device(options.device, quick=options.quick)
        if options.launches:
            launches(quick=options.quick)
        return
    if options.memory:
        print(peak(options.memory, options.cell, options.batch))
        return
    torch.set_num_threads(1)
    cell, batch, few = (SMALL, 20, 20) if options.quick else (CELL, 64, 32)
    images(cell, batch, few)
    memory(cell, batch)
    words(10 if options.quick else 16)
    guarding(quick=options.quick)
    workers(4 if options.quick else 1500)


if __name__ == "__main__":
    main()
