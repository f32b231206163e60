"""What proxies cost, as ratios to the obvious way in the same process: NAS-Bench-201, five 3x3 convolutions, batch 64.

python benchmarks/proxies.py        # about two minutes
"""

import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

import zcbench

CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
ROUNDS = 3


def cpu_seconds(work: Callable[[], object]) -> float:
    """The fastest of a few rounds, in CPU time: other processes on the machine count little."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def gradsign_loop(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> float:
    """One forward and one backward pass for every image, as the authors do it."""
    model.train()
    totals = [torch.zeros_like(p) for p in model.parameters()]
    for x, y in zip(inputs, targets, strict=True):
        loss = F.cross_entropy(model(x[None]), y[None])
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        for total, gradient in zip(totals, gradients, strict=True):
            total += gradient.sign()
    return float(sum(total.abs().sum() for total in totals))


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    space = zcbench.get_space("nasbench201")
    model = space.build(space.parse(CELL))
    inputs, targets = torch.randn(64, 3, 32, 32), torch.randint(10, (64,))

    def forward_backward() -> None:
        loss = F.cross_entropy(model(inputs), targets)
        torch.autograd.grad(loss, list(model.parameters()))

    def ours(*names: str) -> dict[str, zcbench.Score]:
        return zcbench.score(model, inputs, targets, names or None)

    forward_backward()  # warm up
    loop, streamed = gradsign_loop(model, inputs, targets), float(ours("gradsign")["gradsign"])
    unit = cpu_seconds(forward_backward)
    alone = {name: cpu_seconds(lambda name=name: ours(name)) for name in zcbench.list_proxies()}  # type: ignore[misc]
    together = cpu_seconds(ours)
    looped = cpu_seconds(lambda: gradsign_loop(model, inputs, targets))
    print(f"one forward and backward pass: {unit:.2f} s")
    for name, seconds in sorted(alone.items(), key=lambda item: item[1]):
        print(f"{name:12} {seconds / unit:5.2f} x forward and backward")
    print(
        f"gradsign: {looped / alone['gradsign']:.1f} times faster than the loop; values {streamed:.6g} and {loop:.6g}"
    )
    print(f"all together: {together / sum(alone.values()):.2f} of the sum of each alone")


if __name__ == "__main__":
    main()
