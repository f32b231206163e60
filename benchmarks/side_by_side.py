"""Compare proxies with the methods of their authors' code, in the same process, on the same network.

python benchmarks/side_by_side.py             # about five minutes; CPU time, one thread
python benchmarks/side_by_side.py --threads 2

The network is NAS-Bench-201's with five 3 x 3 convolutions and a skip, on 64 images of 32 x 32. "Authors" is each
formula, written with the steps of published code: masks on weights, identities after layers, hooks on modules, a pass
per proxy and per sample. Values are compared before times are; zen draws other weights. Both alternate, and the fastest
round counts. Passes are forward and backward passes of the batch. Freed memory is kept.
"""

from __future__ import annotations

import argparse
import copy
import math
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import proxies as benchmark
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import zcbench
from zcbench._process import keep_freed_memory

Way = Callable[[nn.Module, Tensor, Tensor], float]


def layers_of(model: nn.Module) -> list[nn.Module]:
    """Return convolutional and linear layers."""
    return [module for module in model.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]


def weights_of(model: nn.Module) -> list[Tensor]:
    """Return their weights."""
    return [layer.weight for layer in layers_of(model)]  # type: ignore[misc]


def loss_of(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Return the mean cross-entropy, with batch norm in train mode."""
    model.zero_grad()
    return F.cross_entropy(model.train()(x), y)


def grad_norm(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Run a backward pass that accumulates."""
    loss_of(model, x, y).backward()
    return sum(float(weight.grad.norm()) for weight in weights_of(model) if weight.grad is not None)


def snip(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Use a mask of ones on every weight, and its gradient."""
    masks = {}
    for layer in layers_of(model):
        masks[layer] = nn.Parameter(torch.ones_like(layer.weight))  # type: ignore[arg-type]

        def forward(x: Tensor, layer: Any = layer) -> Tensor:
            masked = layer.weight * masks[layer]
            return (
                layer._conv_forward(x, masked, layer.bias)
                if isinstance(layer, nn.Conv2d)
                else F.linear(x, masked, layer.bias)
            )

        layer.forward = forward  # type: ignore[method-assign]
    try:
        loss_of(model, x, y).backward()
    finally:
        for layer in masks:
            del layer.forward
    return sum(float(mask.grad.abs().sum()) for mask in masks.values() if mask.grad is not None)


def fisher(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Record outputs and their gradients after every layer."""
    outputs, gradients, handles = {}, {}, []
    for layer in layers_of(model):

        def forward(layer: nn.Module, _: Any, out: Tensor) -> Tensor:
            outputs[layer] = out
            out.register_hook(lambda gradient, layer=layer: gradients.__setitem__(layer, gradient))
            return out.clone()

        handles.append(layer.register_forward_hook(forward))
    try:
        loss_of(model, x, y).backward()
    finally:
        for handle in handles:
            handle.remove()
    total = 0.0
    for layer, gradient in gradients.items():
        product = outputs[layer].detach() * gradient * len(x)
        product = product.sum((2, 3)) if product.dim() == 4 else product
        total += float(0.5 * product.square().mean(0).sum())
    return total


def grasp(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Compute the gradient, then the gradient again with its graph, and the derivative of their product."""
    weights = weights_of(model)
    first = torch.autograd.grad(loss_of(model, x, y), weights)
    again = torch.autograd.grad(loss_of(model, x, y), weights, create_graph=True)
    scalar = sum((a.detach() * b).sum() for a, b in zip(first, again, strict=True))
    scalar.backward()  # type: ignore[union-attr]
    return -sum(float((w.detach() * w.grad).sum()) for w in weights if w.grad is not None)


def synflow(model: nn.Module, x: Tensor, _: Tensor) -> float:
    """Use a copy in float64 with absolute weights, without batch norm, and one input of ones."""
    clone = copy.deepcopy(model).double()
    for module in clone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.forward = lambda x: x  # type: ignore[method-assign]
    with torch.no_grad():
        for parameter in clone.parameters():
            parameter.abs_()
    clone(torch.ones(1, *x.shape[1:], dtype=torch.float64)).sum().backward()
    return sum(float((w * w.grad).detach().abs().sum()) for w in weights_of(clone) if w.grad is not None)


def jacov(model: nn.Module, x: Tensor, _: Tensor) -> float:
    """Run a backward pass of ones through inputs and parameters."""
    model.zero_grad()
    leaf = x.clone().requires_grad_()
    out = model.train()(leaf)
    out.backward(torch.ones_like(out))
    assert leaf.grad is not None
    values = np.linalg.eigvals(np.corrcoef(leaf.grad.flatten(1).numpy().astype(np.float64))).real + 1e-5
    return float(-(np.log(values) + 1 / values).sum())


def naswot(model: nn.Module, x: Tensor, _: Tensor) -> float:
    """Use hooks on ReLUs, and the kernel in numpy."""
    kernel, handles = np.zeros((len(x), len(x))), []

    def hook(_: nn.Module, entered: tuple[Tensor, ...]) -> None:
        nonlocal kernel
        on = (entered[0].flatten(1) > 0).float()
        kernel = kernel + (on @ on.t()).numpy() + ((1 - on) @ (1 - on.t())).numpy()

    handles = [m.register_forward_pre_hook(hook) for m in model.modules() if isinstance(m, nn.ReLU)]
    with torch.no_grad():
        model.train()(x)
    for handle in handles:
        handle.remove()
    return float(np.linalg.slogdet(kernel)[1])


def swap(model: nn.Module, x: Tensor, _: Tensor) -> float:
    """Use hooks on ReLUs, and the distinct rows of a table of units by samples."""
    found: list[Tensor] = []
    handles = [
        m.register_forward_pre_hook(lambda _, entered: found.append((entered[0] > 0).flatten(1).to(torch.uint8)))
        for m in model.modules()
        if isinstance(m, nn.ReLU)
    ]
    with torch.no_grad():
        model.train()(x)
    for handle in handles:
        handle.remove()
    return float(len(torch.unique(torch.cat(found, 1).t().contiguous(), dim=0)))


def zico(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Use two halves of the batch, and gradients in numpy."""
    found: list[list[Any]] = []
    for part in range(2):
        rows = slice(part * len(x) // 2, (part + 1) * len(x) // 2)
        loss_of(model, x[rows], y[rows]).backward()
        found.append([w.grad.flatten().numpy().copy() for w in weights_of(model) if w.grad is not None])
    total = 0.0
    for pair in zip(*found, strict=True):
        both = np.array(pair)
        deviation, mean = both.std(0), np.abs(both).mean(0)
        varies = deviation != 0
        total += math.log((mean[varies] / deviation[varies]).sum(dtype=np.float64))
    return total


def zen(model: nn.Module, x: Tensor, _: Tensor) -> float:
    """Draw new weights, run two passes, and use variances from running statistics. Draws differ from ours."""
    clone = copy.deepcopy(model).train()
    norms = [module for module in clone.modules() if isinstance(module, nn.BatchNorm2d)]
    features: list[Tensor] = []
    with torch.no_grad():
        for layer in layers_of(clone):
            nn.init.normal_(layer.weight)  # type: ignore[arg-type]
        pool = next(module for module in clone.modules() if isinstance(module, nn.AdaptiveAvgPool2d))
        pool.register_forward_pre_hook(lambda _, entered: features.append(entered[0]))
        noise = torch.randn_like(x)
        clone(noise)
        clone(noise + 0.01 * torch.randn_like(x))
        change = (features[0] - features[1]).abs().sum((1, 2, 3)).mean()
        scales = sum(0.5 * float(norm.running_var.mean().log()) for norm in norms if norm.running_var is not None)
    return float(change.log()) + scales


def meco(model: nn.Module, x: Tensor, _: Tensor) -> float:
    """Use hooks on modules without children, and all eigenvalues of the correlation of each map's channels."""
    found: list[Tensor] = []

    def hook(_: nn.Module, __: Any, out: Tensor) -> None:
        if out.dim() == 4:
            correlation = torch.corrcoef(out[0].detach().flatten(1))
            values = torch.linalg.eig(torch.where(correlation.isfinite(), correlation, 0.0))[0].real
            found.append(values.min())

    handles = [m.register_forward_hook(hook) for m in model.modules() if not list(m.children())]
    model.zero_grad()
    model.train()(x)
    for handle in handles:
        handle.remove()
    return float(sum(found))


def az_nas(model: nn.Module, x: Tensor, _: Tensor) -> float:
    """Compute expressivity and progressivity, and a backward pass from each cell to the one before."""
    features, leaf = [], x.clone().requires_grad_()
    body = [*model.body]  # type: ignore[misc]
    handles = [body[0].register_forward_pre_hook(lambda _, entered: features.append(entered[0]))]
    handles += [block.register_forward_hook(lambda _, __, out: features.append(out)) for block in body]
    model.train()(leaf)
    for handle in handles:
        handle.remove()
    entropies = []
    for feature in features:
        rows = feature.detach().permute(0, 2, 3, 1).flatten(0, 2)
        rows = rows - rows.mean(0)
        values = torch.linalg.eigvalsh(rows.t() @ rows / len(rows))
        shares = values / values.sum()
        entropies.append(float((-shares * (shares + 1e-8).log()).sum()))
    for before, after in zip(features[-2::-1], features[:0:-1], strict=True):
        signs = torch.randint(0, 2, after.shape).to(after) * 2 - 1
        (pulled,) = torch.autograd.grad(after, before, signs, retain_graph=True)
        if pulled.shape[2:] != signs.shape[2:]:
            pulled = F.pixel_unshuffle(pulled, pulled.shape[2] // signs.shape[2])
        rows, columns = (one.permute(0, 2, 3, 1).flatten(0, 2) for one in (pulled, signs))
        torch.linalg.svdvals(rows.t() @ columns / len(rows))
    return sum(entropies)


def ntk(model: nn.Module, x: Tensor, _: Tensor) -> float:
    """Run a backward pass per sample for the whole Jacobian, with batch norm in eval mode and half the batch."""
    rows = benchmark.jacobian(model, x[: len(x) // 2], train=False)
    return float((rows @ rows.T).norm())


#: methods by proxy: the authors', our names, number of images used, tolerance of values (0: not compared)
WAYS: dict[str, tuple[Way, tuple[str, ...], float]] = {
    "grad_norm": (grad_norm, ("grad_norm",), 1e-3),
    "snip": (snip, ("snip",), 1e-3),
    "fisher": (fisher, ("fisher",), 2e-3),
    "grasp": (grasp, ("grasp",), 2e-2),
    "synflow": (synflow, ("synflow",), 1e-6),
    "jacov": (jacov, ("jacov",), 1e-3),
    "naswot": (naswot, ("naswot",), 1e-4),
    "swap": (swap, ("swap",), 1e-3),
    "zico": (zico, ("zico",), 5e-2),
    "zen": (zen, ("zen:running=true",), 0.05),
    "meco": (meco, ("meco",), 1e-3),
    "gradsign": (benchmark.gradsign_loop, ("gradsign",), 2e-3),
    "ntk_norm, 32 images": (ntk, ("ntk_norm:samples=32",), 2e-3),
    "az_expressivity, _progressivity, _trainability": (
        az_nas,
        ("az_expressivity", "az_progressivity", "az_trainability"),
        1e-3,
    ),
}


def processor() -> str:
    """Return the processor's name, with the instructions that torch uses."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="the smallest network and batch: does it run?")
    options = parser.parse_args()
    keep_freed_memory()  # as in workers, for both
    torch.set_num_threads(options.threads)
    cell, batch = (benchmark.SMALL, 16) if options.quick else (benchmark.CELL, 64)
    model = benchmark.network(cell)
    x = torch.randn(batch, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    y = torch.arange(batch) % 10

    def ours(*names: str) -> float:
        scores = zcbench.score(model, x, y, names)
        assert all(score.status == "ok" for score in scores.values()), scores
        return float(next(iter(scores.values())))

    def work() -> None:
        torch.autograd.grad(F.cross_entropy(model.train()(x), y), list(model.parameters()))

    work()
    unit = benchmark.cpu_seconds(work, 3)
    print(f"{processor()}, {options.threads} threads; forward and backward {unit:.2f} s\n")
    total = 0.0
    for what, (way, names, close) in WAYS.items():
        theirs, mine = [], []
        a, b = way(model, x, y), ours(*names)
        assert options.quick or math.isclose(a, b, rel_tol=close), f"{what}: {a} and {b}"
        for _ in range(options.rounds):
            theirs.append(benchmark.cpu_seconds(lambda way=way: way(model, x, y), 1))  # type: ignore[misc]
            mine.append(benchmark.cpu_seconds(lambda names=names: ours(*names), 1))  # type: ignore[misc]
        total += min(theirs)
        ratio = min(theirs) / min(mine)
        benchmark.report(what, ratio, "authors / ours", f"{min(mine) / unit:.2f} passes", f"values {a:.7g}, {b:.7g}")
    every = [name for _, names, _ in WAYS.values() for name in names]
    together = benchmark.cpu_seconds(lambda: ours(*every), options.rounds)
    benchmark.report(
        f"all {len(every)} in one call", total / together, "authors / ours", f"{together / unit:.2f} passes"
    )


if __name__ == "__main__":
    main()
