"""Independent computations of built-in proxies for the check "reference": plain PyTorch and numpy, no probe.

Each follows the definition in the slowest obvious way: one backward pass per sample, whole Jacobians, hooks on modules.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from zcbench.testing._checks import naive_reference
from zcbench.testing._zoo import Attention, Scaled, VisionTransformer
from zcbench.types import Batch

Floats = NDArray[np.float64]


def _prepared(model: nn.Module, *, batch_statistics: bool) -> nn.Module:
    model.double().eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.training = batch_statistics
    return model


def _inputs(batch: Batch, rows: slice = slice(None)) -> Tensor:
    assert isinstance(batch.inputs, Tensor)
    inputs = batch.inputs[rows]
    return inputs.double() if inputs.is_floating_point() else inputs


def _loss(model: nn.Module, batch: Batch, rows: slice = slice(None)) -> Tensor:
    assert batch.targets is not None
    outputs, targets = model(_inputs(batch, rows)), batch.targets[rows]
    return F.cross_entropy(outputs.flatten(0, -2), targets.flatten())


def _weights(model: nn.Module) -> list[nn.Parameter]:
    found = []
    for module in model.modules():
        if not isinstance(module, nn.Embedding):
            found += [p for n, p in module.named_parameters(recurse=False) if "weight" in n and p.dim() > 1]
    return found


def _gradients(scalar: Tensor, parameters: list[nn.Parameter]) -> list[Floats]:
    found = torch.autograd.grad(scalar, parameters, allow_unused=True, retain_graph=True)
    return [
        np.zeros(p.shape) if g is None else g.numpy().astype(np.float64) for p, g in zip(parameters, found, strict=True)
    ]


def _of_the_loss(model: nn.Module, batch: Batch) -> list[tuple[Floats, Floats]]:
    model, weights = _prepared(model, batch_statistics=True), _weights(model)
    gradients = _gradients(_loss(model, batch), weights)
    return [(w.detach().numpy(), g) for w, g in zip(weights, gradients, strict=True)]


# -- sizes -------------------------------------------------------------------------------------


@naive_reference("params")
def params(model: nn.Module, batch: Batch) -> float:
    """Count the entries of all parameters."""
    return float(sum(np.prod(p.shape) for p in set(model.parameters())))


@naive_reference("l2_norm")
def l2_norm(model: nn.Module, batch: Batch) -> float:
    """Sum norms of numpy."""
    return float(sum(np.linalg.norm(w.detach().numpy().ravel()) for w in _weights(model)))


def _width(tensor: Tensor) -> int:
    return int(tensor.shape[-1])


def _layer_flops(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> int:
    """Count the multiply-adds of one call of a layer, by explicit formulas."""
    (x, *_), rows = inputs, inputs[0].numel() // _width(inputs[0])
    if isinstance(layer, nn.Conv2d):
        kernel = layer.kernel_size[0] * layer.kernel_size[1]
        return output.numel() * kernel * layer.in_channels // layer.groups
    if isinstance(layer, nn.Linear):
        return rows * layer.in_features * layer.out_features
    if isinstance(layer, nn.RNNBase):
        gates = {"LSTM": 4, "GRU": 3}[layer.mode] * layer.hidden_size
        return sum(
            rows * gates * (layer.hidden_size + (layer.hidden_size if i else layer.input_size))
            for i in range(layer.num_layers)
        )
    scores_and_values = 2 * x.shape[0] * x.shape[1] ** 2 * _width(x)  # the heads share the width
    if isinstance(layer, nn.MultiheadAttention):  # its projections are called as functions
        return 4 * rows * int(layer.embed_dim) ** 2 + scores_and_values
    assert isinstance(layer, Attention)
    return scores_and_values


@naive_reference("flops")
@naive_reference("az_complexity")
def flops(model: nn.Module, batch: Batch) -> float:
    """Count two per multiply-add, from the shapes of the input and output of each layer of the zoo."""
    counting = (nn.Conv2d, nn.Linear, nn.LSTM, nn.GRU, nn.MultiheadAttention, Attention)
    silent = (nn.BatchNorm2d, nn.LayerNorm, nn.Embedding, Scaled, VisionTransformer)
    found: list[int] = []

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
        found.append(_layer_flops(layer, inputs, output if isinstance(output, Tensor) else output[0]))

    inside = {
        part for layer in model.modules() if isinstance(layer, nn.MultiheadAttention) for part in layer.children()
    }
    for layer in set(model.modules()) - inside:
        if isinstance(layer, counting):
            layer.register_forward_hook(count)
        elif not isinstance(layer, silent) and next(layer.parameters(recurse=False), None) is not None:
            raise NotImplementedError
    with torch.enable_grad():  # without gradients, PyTorch's encoder layer would not call its parts
        _prepared(model, batch_statistics=False)(_inputs(batch))
    return 2 * sum(found) / len(batch)


# -- gradients of the loss ---------------------------------------------------------------------


@naive_reference("grad_norm")
def grad_norm(model: nn.Module, batch: Batch) -> float:
    """Sum the norms."""
    return float(sum(np.linalg.norm(g.ravel()) for _, g in _of_the_loss(model, batch)))


@naive_reference("grad_norm_all")
def grad_norm_all(model: nn.Module, batch: Batch) -> float:
    """Compute the norm of the whole gradient."""
    model = _prepared(model, batch_statistics=True)
    return float(
        np.linalg.norm(np.concatenate([g.ravel() for g in _gradients(_loss(model, batch), list(model.parameters()))]))
    )


@naive_reference("snip")
def snip(model: nn.Module, batch: Batch) -> float:
    """Sum absolute products."""
    return float(sum(np.abs(w * g).sum() for w, g in _of_the_loss(model, batch)))


@naive_reference("zico")
def zico(model: nn.Module, batch: Batch) -> float:
    """Use the two halves of the batch."""
    model, weights, half = _prepared(model, batch_statistics=True), _weights(model), len(batch) // 2
    first, second = (_gradients(_loss(model, batch, rows), weights) for rows in (slice(0, half), slice(half, 2 * half)))
    total = 0.0
    for a, b in zip(first, second, strict=True):
        varies = a != b
        if varies.any():
            ratios = (np.abs(a) + np.abs(b))[varies] / np.abs(a - b)[varies]
            total += math.log(ratios.sum())
    return total


@naive_reference("gradsign")
def gradsign(model: nn.Module, batch: Batch) -> float:
    """Compute sample by sample and row by row; small gradients relative to their row or the near arrays are zero."""
    model = _prepared(model, batch_statistics=True)
    parameters = list(model.parameters())
    totals: list[Floats] = [np.zeros(p.shape) for p in parameters]
    for i in range(len(batch)):
        gradients = _gradients(_loss(model, batch, slice(i, i + 1)), parameters)
        for at, gradient in enumerate(gradients):
            vector = max(gradient.shape, default=1) == gradient.size
            near = gradients[max(0, at - 4) : at + 5]
            top = max(np.abs(g).max() for g in near) if vector else None
            for k, row in enumerate(gradient):
                small = np.abs(row) <= 1e-4 * (np.abs(row).max() if top is None else top)
                totals[at][k] += np.where(small, 0.0, np.sign(row))
    return float(sum(np.abs(total).sum() for total in totals))


@naive_reference("gradsign_mean")
def gradsign_mean(model: nn.Module, batch: Batch) -> float:
    """Divide gradsign by the number of parameters."""
    return gradsign(model, batch) / params(model, batch)


# -- Jacobians ---------------------------------------------------------------------------------


def _jacobian(model: nn.Module, batch: Batch, *, batch_statistics: bool) -> Floats:
    model = _prepared(model, batch_statistics=batch_statistics)
    sums = model(_inputs(batch)).flatten(1).sum(1)
    return np.stack([np.concatenate([g.ravel() for g in _gradients(s, list(model.parameters()))]) for s in sums])


@naive_reference("ntk_mean")
def ntk_mean(model: nn.Module, batch: Batch) -> float:
    """Average over all pairs of samples."""
    rows = _jacobian(model, batch, batch_statistics=True)
    return float(np.mean([a @ b for a, b in itertools.product(rows, rows)]))


@naive_reference("ntk_trace")
def ntk_trace(model: nn.Module, batch: Batch) -> float:
    """Average the squared norms of rows."""
    return math.sqrt(np.mean([row @ row for row in _jacobian(model, batch, batch_statistics=False)]))


@naive_reference("ntk_norm")
def ntk_norm(model: nn.Module, batch: Batch) -> float:
    """Use all pairs of samples."""
    rows = _jacobian(model, batch, batch_statistics=False)
    return math.sqrt(sum((a @ b) ** 2 for a, b in itertools.product(rows, rows)))


@naive_reference("ntk_cond")
def ntk_cond(model: nn.Module, batch: Batch) -> float:
    """Use the singular values of the Jacobian."""
    rows = _jacobian(model, batch, batch_statistics=True)
    values = np.linalg.svd(rows, compute_uv=False)
    if values[-1] < 1e-2 * values[0]:
        raise NotImplementedError  # float32 is not precise enough
    return float((values[0] / values[-1]) ** 2)


@naive_reference("lga")
def lga(model: nn.Module, batch: Batch) -> float:
    """Compute Pearson's correlation of all entries of the kernel with those of the labels."""
    assert batch.targets is not None
    if batch.targets.dim() != 1:
        raise NotImplementedError
    rows, classes = _jacobian(model, batch, batch_statistics=False), batch.targets.tolist()
    kernel = [a @ b for a, b in itertools.product(rows, rows)]
    same = [1.0 if a == b else -1.0 for a, b in itertools.product(classes, classes)]
    return float(np.corrcoef(kernel, same)[0, 1])


def _input_rows(model: nn.Module, batch: Batch) -> Floats:
    inputs = _inputs(batch)
    if not inputs.is_floating_point():
        raise NotImplementedError
    leaf = inputs.clone().requires_grad_()
    (found,) = torch.autograd.grad(_prepared(model, batch_statistics=True)(leaf).sum(), leaf)
    return found.flatten(1).numpy().astype(np.float64)


@naive_reference("jacov")
def jacov(model: nn.Module, batch: Batch) -> float:
    """Use numpy's correlation and general eigenvalues."""
    values = np.linalg.eigvals(np.corrcoef(_input_rows(model, batch))).real + 1e-5
    return float(-(np.log(values) + 1 / values).sum())


@naive_reference("jacobian_cosine")
def jacobian_cosine(model: nn.Module, batch: Batch) -> float:
    """Use all pairs of samples."""
    rows = _input_rows(model, batch)
    terms = [abs(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) ** 0.05 for a, b in itertools.permutations(rows, 2)]
    return 1 - float(np.mean(terms))


# -- codes of ReLUs ----------------------------------------------------------------------------


def _codes(model: nn.Module, batch: Batch) -> NDArray[np.bool_]:
    """Return ``(batch, units)``, from hooks on modules."""
    if any("relu_" in vars(type(module))["forward"].__code__.co_names for module in model.modules() if _own(module)):
        raise NotImplementedError  # hooks do not observe functions
    found: list[NDArray[np.bool_]] = []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_pre_hook(
                lambda _, args: found.append(
                    (args[0].reshape(len(batch), -1) > 0).numpy()  # frames are in the row of their sample
                )
            )
    with torch.no_grad():
        _prepared(model, batch_statistics=True)(_inputs(batch))
    if not found:
        raise NotImplementedError
    return np.concatenate(found, axis=1)


def _own(module: nn.Module) -> bool:
    return "forward" in vars(type(module)) and hasattr(vars(type(module))["forward"], "__code__")


@naive_reference("naswot")
def naswot(model: nn.Module, batch: Batch) -> float:
    """Count agreements pair by pair."""
    codes = _codes(model, batch)
    kernel = [[float((a == b).sum()) for a in codes] for b in codes]
    return math.log(abs(np.linalg.det(np.array(kernel))))


@naive_reference("swap")
def swap(model: nn.Module, batch: Batch) -> float:
    """Count different tuples."""
    return float(len({tuple(column) for column in _codes(model, batch).T.tolist()}))


@naive_reference("linear_regions")
def linear_regions(model: nn.Module, batch: Batch) -> float:
    """Count different tuples."""
    return float(len({tuple(row) for row in _codes(model, batch).tolist()}))
