"""What can be seen in passing while a network runs: each watcher records one thing during one forward pass.

A watcher is a context manager around the pass. Several can watch the same pass, so proxies that need different things
of it share it. A watcher never raises for what it sees; the signal that asks for it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

if TYPE_CHECKING:
    from zcbench.probe import Probe

#: Signals that need the main pass with its graph anyway.
GRAPH_SIGNALS = frozenset({"outputs", "loss", "gradients", "input_gradients", "channel_products", "blocks"})


class Watcher:
    """Base of all watchers: hooks that are removed after the pass."""

    #: output of the pass, for a watcher that had a pass with a graph of its own
    outputs: Tensor | None = None

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.batch = len(probe.batch)
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def start(self) -> None:
        """Set hooks and function modes through ``self.stack``."""

    def hook(self, handle: RemovableHandle) -> None:
        """Have a hook removed after the pass."""
        self.stack.callback(handle.remove)

    @contextmanager
    def loss_pass(self) -> Iterator[None]:
        """Around the backward pass of the loss, for watchers that look at gradients too."""
        yield


# -- which ReLUs are on ------------------------------------------------------------------------

_RECTIFIERS = {F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, F.relu6}
_CLIPS = {F.hardtanh, F.hardtanh_}


def _rectifies(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    if func in _CLIPS:  # nn.ReLU6 is a clip from 0 to 6
        return bool((args[1] if len(args) > 1 else kwargs.get("min_val", -1.0)) == 0)
    return func in _RECTIFIERS


class FunctionWatcher(TorchFunctionMode):
    """Calls ``before(func, args, kwargs)`` ahead of every torch function that the network calls."""

    def __init__(self, before: Callable[[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]], None]) -> None:
        super().__init__()
        self.before = before

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        self.before(func, args, kwargs or {})
        return func(*args, **(kwargs or {}))


class ReLUCodes(Watcher):
    """Which inputs of every ReLU (and ReLU6) are positive, before an in-place one overwrites them."""

    def start(self) -> None:
        """Watch functions, so that modules and plain calls are seen alike."""
        self.codes: list[Tensor] = []
        self.problem = ""
        self.stack.enter_context(FunctionWatcher(self._before))

    def _before(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if not _rectifies(func, args, kwargs):
            return
        x: Tensor = args[0] if args else kwargs["input"]
        if x.dim() < 2 or x.shape[0] != self.batch:
            self.problem = (
                f"a ReLU runs on a tensor of shape {tuple(x.shape)}, whose first dimension does not count samples."
            )
            return
        with torch.no_grad():
            self.codes.append(x.flatten(1) > 0)


# -- layers' outputs and their gradients -------------------------------------------------------


class _Kept:
    """A tensor as it was when it was captured, however it is overwritten later."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor.detach()


class Keeper(FunctionWatcher):
    """Copies a kept tensor just before an in-place function overwrites it; most never are."""

    def __init__(self) -> None:
        super().__init__(self._before_write)
        self.kept: dict[int, list[_Kept]] = {}

    def keep(self, tensor: Tensor) -> _Kept:
        """Keep this tensor's present contents."""
        kept = _Kept(tensor)
        self.kept.setdefault(tensor.untyped_storage().data_ptr(), []).append(kept)
        return kept

    def _before_write(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        name = getattr(func, "__name__", "")
        writes = (name.endswith("_") and not name.endswith("__")) or name.startswith("__i") or name == "__setitem__"
        if not (writes or kwargs.get("inplace")) or not args or not isinstance(args[0], Tensor):
            return
        for kept in self.kept.pop(args[0].untyped_storage().data_ptr(), ()):
            kept.tensor = kept.tensor.clone()


class ChannelProducts(Watcher):
    """Sum over positions of a * dL/da for every convolutional and linear layer's output a."""

    def start(self) -> None:
        """Hook the layers whose weights count."""
        self.products: dict[str, Tensor] = {}
        self.active = False
        self.keeper = self.stack.enter_context(Keeper())
        names = {name.rpartition(".")[0] for name in self.probe.weights}
        for name, module in self.probe.model.named_modules():
            if name in names:
                self.hook(module.register_forward_hook(self._hook(name)))

    def _hook(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def forward(module: nn.Module, _: Any, output: Any) -> None:
            if not isinstance(output, Tensor) or not output.requires_grad or output.shape[0] != self.batch:
                return
            kept = self.keeper.keep(output)
            # Convolutions have their channels first, everything else last.
            first = "Conv" in type(module).__name__ and output.dim() > 2 and hasattr(module, "kernel_size")

            def backward(gradient: Tensor) -> None:
                if not self.active:
                    return
                product = kept.tensor * gradient
                found = (
                    product.flatten(2).sum(2)
                    if first
                    else product.flatten(1, -2).sum(1)
                    if product.dim() > 2
                    else product
                )
                self.products[name] = self.products[name] + found if name in self.products else found

            output.register_hook(backward)  # type: ignore[no-untyped-call]

        return forward

    @contextmanager
    def loss_pass(self) -> Iterator[None]:
        """Gradients of the loss count, those of other passes through the graph do not."""
        self.active = True
        try:
            yield
        finally:
            self.active = False


#: Watchers by the name of the signal that they serve.
WATCHERS: dict[str, type[Watcher]] = {"relu_codes": ReLUCodes, "channel_products": ChannelProducts}
