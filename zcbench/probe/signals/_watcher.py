"""What can be seen in passing while a network runs: a watcher records one thing during one forward pass.

A watcher is a context manager around the pass. Several can watch the same pass, so proxies that need different things
of it share it. A watcher never raises for what it sees; the signal that asks for it does.
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
    """Base of all watchers: hooks that are removed after the pass."""

    #: output of the pass
    outputs: Tensor | None = None
    #: whether it looks at the network's weights
    of_weights = False
    #: whether it asks where the samples are in what it sees, by :meth:`samples`
    of_samples = False

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.batch = len(probe.batch)
        self.stack = ExitStack()
        self.survey: Seen | None = None  # of a pass that only tells where samples are
        self.axes: Axes | None = None
        self.unknown: list[str] = []  # shapes of tensors of which that is not known
        self.without = 0  # tensors in which there are none

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
        """Where the samples are in a tensor that passes; None if none are, or if that is not known.

        To be called for every such tensor in every pass, whatever becomes of it.

        Args:
            x: the tensor.
            key: the name of what sees it, so that what else runs at times does not count.
        """
        if self.survey is not None:
            self.survey.setdefault(key, []).append(x.detach().clone())
            return None
        if self.axes is None:
            raise TypeError(f"{type(self).__name__} asks for samples: it must say of_samples = True.")
        try:
            layout = self._layout(x, key)
        except LookupError:
            self.unknown.append(str(tuple(x.shape)))
            return None
        self.without += layout is None
        return layout

    def nothing(self, what: str) -> str:
        """Why nothing could be read, in a sentence; "" if nothing was seen at all."""
        if problem := self.problem(what):
            return problem
        return f"{what} nothing in which single samples can be told apart." if self.without else ""

    def problem(self, what: str) -> str:
        """Why something that was seen could not be read, in a sentence; "" if all could."""
        if self.axes is not None and self.axes.problem:
            return f"which axis counts samples cannot be told: {self.axes.problem}"
        if self.unknown:
            return f"{what} a tensor of shape {self.unknown[0]}, in which the samples cannot be told apart."
        return ""

    @property
    def weights(self) -> dict[str, nn.Parameter]:
        """The probe's weights, none where it says that there are none."""
        try:
            return self.probe.weights
        except UnsupportedModelError:
            return {}

    def hook(self, handle: RemovableHandle) -> None:
        """Have a hook removed after the pass."""
        self.stack.callback(handle.remove)

    @contextmanager
    def loss_pass(self) -> Iterator[None]:
        """Around the backward pass of the loss, for watchers that look at gradients too."""
        yield


Before: TypeAlias = Callable[[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]], None]
After: TypeAlias = Callable[[Callable[..., Any], tuple[Any, ...], Mapping[str, Any], Any], None]


class FunctionWatcher(TorchFunctionMode):
    """Calls ``before(func, args, kwargs)`` and ``after(func, args, kwargs, result)`` around every torch function.

    Multi-head attention, one function to torch, is looked into.
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
    """A tensor as it was when it was captured, however it is overwritten later."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor.detach()


class Keeper(FunctionWatcher):
    """Copies a kept tensor just before an in-place function overwrites it; most never are."""

    def __init__(self) -> None:
        super().__init__(self._before_write)
        self.kept: dict[int, list[Kept]] = {}

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)  # type: ignore[no-untyped-call]
        self.kept.clear()  # whoever asked for them has them

    def keep(self, tensor: Tensor) -> Kept:
        """Keep this tensor's present contents."""
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
