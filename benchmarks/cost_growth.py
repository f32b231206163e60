"""How does the cost of each proxy grow with the batch, the width and the network, in forward and backward passes?

python benchmarks/cost_growth.py                    # about ten minutes; CPU time, one thread
python benchmarks/cost_growth.py naswot meco az_*   # these proxies
python benchmarks/cost_growth.py --quick            # the smallest of everything: does it run?

The table has a row for each proxy and a column for each network and batch. If a cost grows faster than a pass, numbers
increase to the right. Kernels with batch norm in train mode need a pass per sample, by design, and are excluded.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import proxies as benchmark
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import zcbench
from zcbench._process import keep_freed_memory
from zcbench.spaces._nasbench201_network import CellNetwork

#: excluded proxies: a pass per sample, or nothing to measure
LEFT_OUT = {"ntk_cond", "random", "params", "num_layers"}


def cells(channels: int) -> nn.Module:
    """Return NAS-Bench-201's network with another width."""
    torch.manual_seed(0)
    space = zcbench.get_space("nasbench201")
    operations = space.choices(space.parse(benchmark.CELL))
    return CellNetwork(operations, channels=channels, cells_per_stage=5, stages=3, in_channels=3, num_classes=10)


def cases(*, quick: bool) -> Iterator[tuple[str, str, Callable[[], nn.Module], Tensor]]:
    """Yield name, domain, network and inputs of each column."""
    generator = torch.Generator().manual_seed(0)

    def images(batch: int, size: int = 32) -> Tensor:
        return torch.randn(batch, 3, size, size, generator=generator)

    for batch in (4,) if quick else (16, 64, 256):
        yield f"cell, {batch}", "convolutional", lambda: cells(16), images(batch)
    if not quick:
        for channels in (32, 64):
            yield f"{channels} wide, 16", "convolutional", lambda channels=channels: cells(channels), images(16)
        yield "ResNet-50, 8", "convolutional", benchmark.resnet50, images(8, 128)
    for batch in (4,) if quick else (4, 16):
        words = torch.randint(2000, (batch, 64), generator=generator)
        yield f"BERT-base, {batch}", "transformer", lambda: benchmark.Classifier(768, 1 if quick else 12), words


def column(domain: str, make: Callable[[], nn.Module], inputs: Tensor, names: list[str]) -> dict[str, float]:
    """Return the passes of each proxy that has a score of the network."""
    model, targets = make(), torch.arange(len(inputs)) % 10

    def work() -> None:
        found = F.cross_entropy(model.train()(inputs), targets)
        torch.autograd.grad(found, list(model.parameters()), allow_unused=True)

    work()
    unit = benchmark.cpu_seconds(work, 3)
    found = {"": unit}
    for name in names:
        if {"any", domain} & set(zcbench.get_proxy(name).domains):
            scores: dict[str, zcbench.Score] = {}

            def score(name: str = name, scores: dict[str, zcbench.Score] = scores) -> None:
                scores.update(zcbench.score(model, inputs, targets, [name]))

            seconds = benchmark.cpu_seconds(score, 1)
            if seconds < 1:  # slower ones need no warm-up
                seconds = min(seconds, benchmark.cpu_seconds(score, 2))
            if scores[name].status != "unsupported":
                found[name] = seconds / unit
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proxies", nargs="*", default=["*"])
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    keep_freed_memory()  # as in workers
    torch.set_num_threads(1)
    names = [name for name in zcbench.list_proxies(*options.proxies) if name not in LEFT_OUT]
    columns: dict[str, dict[str, float]] = {}
    for what, domain, make, inputs in cases(quick=options.quick):
        columns[what] = column(domain, make, inputs, names)
        print(f"{what}: a pass takes {columns[what].pop(''):.2f} s", flush=True)
    print("\n| proxy | " + " | ".join(columns) + " |\n|:---|" + "---:|" * len(columns))
    for name in names:
        row = [f"{found[name]:.2f}" if name in found else "" for found in columns.values()]
        print(f"| `{name}` | " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
