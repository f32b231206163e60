"""Watchers record one kind of value during one forward pass of a network.

A watcher is a context manager around the pass. Several can observe the same pass, so proxies with different watchers
share it. A watcher never raises because of what it observes; the signal that requests it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from unittest import mock

from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from zcbench.errors import UnsupportedModelError

if TYPE_CHECKING:
    from zcbench.probe import Probe
    from zcbench.probe._axes import Axes, Layout, Seen


class Watcher:
    """Base class of all watchers: hooks that are removed after the pass."""

    #: output of the pass
    outputs: Tensor | None = None
    #: whether it uses the network's weights
    of_weights = False
    #: whether it calls :meth:`samples` for the layout of samples
    of_samples = False

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.batch = len(probe.batch)
        self.stack = ExitStack()
        self.survey: Seen | None = None  # of a pass that only determines the layout of samples
        self.axes: Axes | None = None
        self.unknown: list[str] = []  # shapes of tensors with unknown layout
        self.without = 0  # number of tensors without samples

    def __enter__(self) -> Self:
        if self.axes is not None:
            self._layout = self.axes.reader(self.batch)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def start(self) -> None:
        """Set hooks and function modes through ``self.stack``."""

    def samples(self, x: Tensor, key: str = "") -> Layout | None:
        """Return the layout of samples in a tensor of the pass; None if it contains none, or if the layout is unknown.

        It must be called for every such tensor in every pass, whether or not the tensor is used.

        Args:
            x: the tensor.
            key: the name of its source, so that other code, which may run only sometimes, has no effect.
        """
        if self.survey is not None:
            self.survey.setdefault(key, []).append(x.detach().clone())
            return None
        if self.axes is None:
            raise TypeError(f"{type(self).__name__} calls samples(): it must declare of_samples = True.")
        try:
            layout = self._layout(x, key)
        except LookupError:
            self.unknown.append(str(tuple(x.shape)))
            return None
        self.without += layout is None
        return layout

    def nothing(self, what: str) -> str:
        """Return why nothing could be read, in a sentence; "" if no tensor was observed."""
        if problem := self.problem(what):
            return problem
        return f"{what} only tensors without a sample dimension." if self.without else ""

    def problem(self, what: str) -> str:
        """Return why some tensor could not be read, in a sentence; "" if all could."""
        if self.axes is not None and self.axes.problem:
            return f"the sample dimension cannot be determined: {self.axes.problem}"
        if self.unknown:
            return f"{what} a tensor of shape {self.unknown[0]}, in which the samples cannot be identified."
        return ""

    @property
    def weights(self) -> dict[str, nn.Parameter]:
        """The probe's weights; empty if it has none."""
        try:
            return self.probe.weights
        except UnsupportedModelError:
            return {}

    def hook(self, handle: RemovableHandle) -> None:
        """Remove a hook after the pass."""
        self.stack.callback(handle.remove)

    @contextmanager
    def loss_pass(self) -> Iterator[None]:
        """Surround the backward pass of the loss, for watchers that use gradients too."""
        yield


Before: TypeAlias = Callable[[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]], None]
After: TypeAlias = Callable[[Callable[..., Any], tuple[Any, ...], Mapping[str, Any], Any], None]


class FunctionWatcher(TorchFunctionMode):
    """Calls ``before(func, args, kwargs)`` and ``after(func, args, kwargs, result)`` around every torch function.

    The functions inside multi-head attention, which is one function of torch, are included.
    """

    def __init__(self, before: Before | None = None, after: After | None = None) -> None:
        super().__init__()
        self.before = before
        self.after = after

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.multi_head_attention_forward:
            with mock.patch.object(F, "has_torch_function", lambda _: False), self:
                return func(*args, **kwargs)
        if self.before:
            self.before(func, args, kwargs)
        result = func(*args, **kwargs)
        if self.after:
            self.after(func, args, kwargs, result)
        return result


class Kept:
    """A tensor in its state when it was captured, even if it is overwritten later."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor.detach()


class Keeper(FunctionWatcher):
    """Copies a stored tensor just before an in-place function overwrites it; most are never overwritten."""

    def __init__(self) -> None:
        super().__init__(self._before_write)
        self.kept: dict[int, list[Kept]] = {}

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)  # type: ignore[no-untyped-call]
        self.kept.clear()  # users that requested them have them

    def keep(self, tensor: Tensor) -> Kept:
        """Store this tensor's present contents."""
        kept = Kept(tensor)
        self.kept.setdefault(tensor.untyped_storage().data_ptr(), []).append(kept)
        return kept

    def _before_write(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        name = getattr(func, "__name__", "")
        writes = (name.endswith("_") and not name.endswith("__")) or name.startswith("__i") or name == "__setitem__"
        if not (writes or kwargs.get("inplace")) or not args or not isinstance(args[0], Tensor):
            return
        for kept in self.kept.pop(args[0].untyped_storage().data_ptr(), ()):
            kept.tensor = kept.tensor.clone()
