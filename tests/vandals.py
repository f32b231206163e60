"""Proxies that change what they share with others, one of each sort, and what the note on them must name."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zcbench.probe import Probe

#: Name to (what it does, what the note names).
VANDALS: dict[str, tuple[Callable[[Probe], Any], str]] = {}
_left_on: list[Any] = []


def vandal(words: str) -> Callable[[Callable[[Probe], Any]], Callable[[Probe], Any]]:
    def declare(function: Callable[[Probe], Any]) -> Callable[[Probe], Any]:
        VANDALS[function.__name__] = (function, words)
        return function

    return declare


def layer(probe: Probe) -> Any:
    """The first module with a weight matrix."""
    return next(m for m in probe.model.modules() if getattr(m, "weight", None) is not None and m.weight.dim() > 1)


def first(probe: Probe) -> Tensor:
    return next(t for t in probe.batch.tensors())


# -- the network -------------------------------------------------------------------------------


@vandal("weights (")
def halves(probe):
    with torch.no_grad():
        for weight in probe.model.parameters():
            weight.mul_(0.5)


@vandal("weights (")
def halves_data(probe):
    for weight in probe.model.parameters():
        weight.data.mul_(0.5)


@vandal("weights (")
def writes_through_numpy(probe):
    layer(probe).weight.detach().numpy()[:] = 0.25


@vandal("weights (")
def exchanges_data(probe):
    layer(probe).weight.data = torch.ones_like(layer(probe).weight)


@vandal("weights (")
def frees_memory(probe):
    for weight in probe.model.parameters():
        weight.data.untyped_storage().resize_(0)


@vandal("weights (")
def trains(probe):
    optimizer = torch.optim.SGD(probe.model.parameters(), lr=0.1)
    with probe.forward_pass():
        probe.call(probe.batch.inputs).float().square().mean().backward()
    optimizer.step()


@vandal("parameters, buffers or modules")
def new_parameter(probe):
    layer(probe).weight = nn.Parameter(torch.full_like(layer(probe).weight, 0.1))


@vandal("parameters, buffers or modules")
def new_module(probe):
    probe.model.add_module("extra", nn.Linear(2, 2))


@vandal("buffers (")
def buffers(probe):
    found = [b for b in probe.model.buffers() if b.is_floating_point()]
    if not found:
        probe.model.register_buffer("extra", torch.ones(2))
    for buffer in found:
        buffer.data.add_(3)


@vandal("requires_grad (")
def freezes(probe):
    probe.model.requires_grad_(False)


@vandal("gradients (")
def leaves_gradients(probe):
    probe.outputs.float().square().sum().backward(retain_graph=True)


@vandal("hooks")
def forward_hook(probe):
    layer(probe).register_forward_hook(lambda module, args, output: output * 2)


@vandal("hooks")
def backward_hook(probe):
    layer(probe).register_full_backward_pre_hook(lambda module, gradients: tuple(g * 2 for g in gradients))


@vandal("hooks (")
def tensor_hook(probe):
    for weight in probe.model.parameters():
        if weight.requires_grad:
            weight.register_hook(lambda gradient: gradient * 2)


@vandal("hooks of all modules")
def global_hook(probe):
    nn.modules.module.register_module_forward_hook(
        lambda module, args, output: output * 2 if isinstance(output, Tensor) and output.is_floating_point() else None
    )


@vandal("attributes (")
def patches_forward(probe):
    module = layer(probe)
    before = module.forward
    module.forward = lambda *args: before(*args) * 2


@vandal("attributes (")
def attribute(probe):
    probe.model.mine = 1


@vandal("attributes (")
def attribute_in_place(probe):
    vars(layer(probe)).setdefault("_non_persistent_buffers_set", set()).add("mine")


@vandal("training modes")
def modes(probe):
    probe.model.train(not probe.model.training)


@vandal("classes of modules")
def other_class(probe):
    class Other(type(layer(probe))):
        def forward(self, *args):
            return 2 * super().forward(*args)

    layer(probe).__class__ = Other


# -- the world ---------------------------------------------------------------------------------


@vandal("grad mode")
def grad_mode(probe):
    torch.set_grad_enabled(False)


@vandal("inference mode")
def inference_mode(probe):
    _left_on.append(torch.inference_mode())
    _left_on[-1].__enter__()


@vandal("the default dtype")
def default_dtype(probe):
    torch.set_default_dtype(torch.float64)


@vandal("the default device")
def default_device(probe):
    torch.set_default_device("meta")


@vandal("autocast")
def autocast(probe):
    torch.set_autocast_enabled("cpu", True)


@vandal("anomaly mode")
def anomaly_mode(probe):
    torch.autograd.set_detect_anomaly(True, check_nan=False)


@vandal("deterministic algorithms")
def deterministic(probe):
    torch.use_deterministic_algorithms(True, warn_only=True)


@vandal("the precision of matrix products")
def precision(probe):
    torch.set_float32_matmul_precision("medium")


@vandal("the number of threads")
def threads(probe):
    torch.set_num_threads(torch.get_num_threads() + 1)


@vandal("flushing of small numbers to zero")
def flush(probe):
    torch.set_flush_denormal(True)


@vandal("settings of NumPy errors")
def numpy_errors(probe):
    np.seterr(all="raise")


@vandal("backend flags")
def cudnn(probe):
    torch.backends.cudnn.deterministic = not torch.backends.cudnn.deterministic


@vandal("backend flags")
def onednn(probe):
    torch._C._set_mkldnn_enabled(False)


@vandal("attention backends")
def attention(probe):
    torch.backends.cuda.enable_flash_sdp(False)
    torch.backends.cuda.enable_mem_efficient_sdp(False)


@vandal("modes that receive every torch function")
def function_mode(probe):
    from torch.overrides import TorchFunctionMode

    class Doubles(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            return result * 2 if func is torch.nn.functional.relu else result

    Doubles().__enter__()


@vandal("hooks on what graphs save")
def saved_hooks(probe):
    torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor * 0, lambda tensor: tensor).__enter__()


@vandal("transforms of functions (vmap)")
def open_transform(probe):
    torch._C._functorch._vmap_increment_nesting(2, "error")


@vandal("global random states")
def torch_random(probe):
    torch.manual_seed(77)


@vandal("global random states")
def numpy_random(probe):
    np.random.rand()


@vandal("global random states")
def python_random(probe):
    random.shuffle([1, 2, 3])


# -- the batch and the probe ---------------------------------------------------------------------


@vandal("the batch (its numbers)")
def inputs_in_place(probe):
    first(probe).zero_()


@vandal("the batch (its numbers)")
def inputs_through_numpy(probe):
    first(probe).numpy()[:] = 0


@vandal("the batch (its numbers)")
def targets_in_place(probe):
    probe.targets.zero_()


@vandal("the batch (requires_grad")
def inputs_require_gradients(probe):
    for tensor in probe.batch.tensors():
        if tensor.is_floating_point():
            tensor.requires_grad_()
            tensor.grad = torch.ones_like(tensor)


@vandal("the probe's attributes")
def other_seed(probe):
    probe.seed += 1


@vandal("the probe's attributes")
def books(probe):
    probe._frames.clear()
    probe._given = None


@vandal("the probe's attributes")
def other_batch(probe):
    probe.batch = probe.batch[:2]


# -- shared signals ----------------------------------------------------------------------------


@vandal("shared signals (gradients: its numbers)")
def gradients_in_place(probe):
    for gradient in probe.gradients.values():
        gradient.zero_()


@vandal("shared signals (gradients: its numbers)")
def gradients_data(probe):
    for gradient in probe.gradients.values():
        gradient.data.mul_(3)


@vandal("shared signals (gradients: its numbers)")
def gradients_sorted(probe):
    for gradient in probe.gradients.values():
        gradient.numpy().sort(axis=0)
        gradient.numpy().reshape(-1)[::2] += 1


@vandal("shared signals (gradients: its entries)")
def gradients_dictionary(probe):
    probe.gradients.pop(next(iter(probe.gradients)))


@vandal("shared signals (outputs: its numbers)")
def outputs_in_place(probe):
    probe.outputs.data.add_(1)


@vandal("shared signals (outputs: its place in the graph)")
def outputs_detached(probe):
    probe.outputs.detach_()


@vandal("shared signals (outputs: its place in the graph)")
def outputs_hooked(probe):
    probe.outputs.register_hook(lambda gradient: gradient * 2)


@vandal("shared signals (")
def frees_the_graph(probe):
    torch.autograd.grad(probe.loss, list(probe.parameters.values()), allow_unused=True)


@vandal("shared signals (")
def frees_by_backward(probe):
    probe.loss.backward()
