"""Signals as attributes of a probe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

from zcbench.probe._ledger import Ledger
from zcbench.types import summary_of

T = TypeVar("T")


class Signal(Generic[T]):
    """An attribute of a probe that is computed once, with its cost recorded; a failure is stored too."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.name = compute.__name__
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<Signal {self.name}: {summary_of(self)}>"

    @overload
    def __get__(self, probe: None, owner: type[Any] | None = None) -> Self: ...
    @overload
    def __get__(self, probe: Ledger, owner: type[Any] | None = None) -> T: ...
    def __get__(self, probe: Ledger | None, owner: type[Any] | None = None) -> Self | T:
        if probe is None:
            return self
        return probe._measure(self.name, lambda: self.compute(probe), ours=True)
