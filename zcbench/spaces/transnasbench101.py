"""The two search spaces of TransNAS-Bench-101: cells of a fixed skeleton (micro), skeletons of fixed blocks (macro).

Source: Y. Duan, X. Chen, H. Xu et al., "TransNAS-Bench-101: Improving Transferability and Generalizability of
Cross-Task Neural Architecture Search", CVPR 2021, arXiv:2105.11871, section 3.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces._base import ChoiceSpace, Space, chain, quoted, written_form
from zcbench.spaces._forms import NotPlainError
from zcbench.spaces._register import register_space
from zcbench.spaces.nasbench201 import EDGES, cell_graph
from zcbench.types import Architecture, Graph

if TYPE_CHECKING:
    from torch import nn

#: operations of a cell's edges; their positions are the digits of the string
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")
MODULES = ("1", "2", "3", "4")


class TransNASMicroSpace(ChoiceSpace):
    """Cells of four nodes in the skeleton 64-41414; the string is the benchmark's, ``64-41414-1_02_333``.

    Its digits are the operations of the edges into nodes 1, 2 and 3. :meth:`parse` also reads NASLib's form, (1, 0, 2,
    3, 3, 3).

    Args:
        name: name of the space; its architectures carry it.
    """

    forms = "a cell such as '64-41414-1_02_333', its six digits as a list, (1, 0, 2, 3, 3, 3), or its six operations"
    input_shape: tuple[int, ...] = (3, 256, 256)

    def __init__(self, name: str = "transnasbench101-micro") -> None:
        super().__init__(name, [OPERATIONS] * len(EDGES))

    def read(self, text: str) -> tuple[str, ...]:
        """Return the operations of the six edges."""
        match = re.fullmatch(r"64-41414-([0-3])_([0-3]{2})_([0-3]{3})", text)
        if match is None:
            raise self.malformed(text)
        return tuple(OPERATIONS[int(digit)] for digit in "".join(match.groups()))

    def _from_form(self, form: Any) -> Architecture:
        if isinstance(form, list) and len(form) == len(EDGES) and all(type(digit) is int for digit in form):
            if not set(form) <= set(range(len(OPERATIONS))):
                raise NotPlainError("operations are numbered from 0 to 3")
            return self.from_choices([OPERATIONS[digit] for digit in form])
        return super()._from_form(form)

    def write(self, choices: Sequence[str]) -> str:
        """Return the benchmark's own string."""
        digits = "".join(str(OPERATIONS.index(choice)) for choice in choices)
        return f"64-41414-{digits[0]}_{digits[1:3]}_{digits[3:]}"

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the first of two cells that differ only in the numbers of nodes 1 and 2.

        The two nodes can be exchanged if the edge between them has no operation.
        """
        choices = self.choices(architecture)
        if choices[2] != "none":
            return self.from_choices(choices)
        a, b, none, c, d, e = choices
        return min(self.from_choices(choices), self.from_choices((b, a, none, c, e, d)))

    def graph(self, architecture: Architecture) -> Graph:
        """Return the six operations as nodes; the inputs of each are the operations that end at its edge's source."""
        return cell_graph(self.choices(architecture))

    def build(self, architecture: Architecture, *, num_classes: int = 75) -> nn.Module:
        """Build the benchmark's classifier (75 objects, 47 scenes, 9 room parameters), Kaiming initialisation.

        The decoders of its dense tasks are not built: for these tasks a proxy measures encoder, pooling and classifier.

        Returns:
            A module from images ``(batch, 3, height, width)`` to logits ``(batch, num_classes)``.
        """
        from zcbench.spaces._transnasbench101_network import MacroNet

        return MacroNet("41414", self.choices(architecture), num_classes=num_classes)


class TransNASMacroSpace(Space):
    """Four to six modules of residual blocks; the string is the benchmark's, ``64-1234-basic``.

    A module keeps the size (1), doubles the channels (2), halves the resolution (3), or both (4). Channels are doubled
    one to three times, the resolution is halved one to four times. :meth:`parse` also reads NASLib's (1, 2, 3, 4, 0,
    0).

    Args:
        name: name of the space; its architectures carry it.
    """

    forms = "four to six modules such as '64-1234-basic', or a list of their types, (1, 2, 3, 4, 0, 0)"
    input_shape: tuple[int, ...] = (3, 256, 256)
    #: number of strings
    size = 3256

    def __init__(self, name: str = "transnasbench101-macro") -> None:
        super().__init__(name)

    def __iter__(self) -> Iterator[Architecture]:
        """Yield all skeletons, shorter ones first."""
        for depth in (4, 5, 6):
            for modules in itertools.product(MODULES, repeat=depth):
                if _allowed("".join(modules)):
                    yield self.from_modules("".join(modules))

    def _from_text(self, text: str) -> Architecture:
        """Read ``64-1234-basic``."""
        match = re.fullmatch(r"64-([1-4]{4,6})-basic", text)
        if match and _allowed(match[1]):
            return self.from_modules(match[1])
        if not match and (form := written_form(text)) is not None:
            return self._from_form(form)
        raise InvalidArchitectureError(
            f"{quoted(text)} is not a skeleton of {self.name}: write four to six modules, e.g. '64-1234-basic', of"
            " which one to three double the channels (2, 4) and one to four halve the resolution (3, 4)."
        )

    def _from_form(self, form: Any) -> Architecture:
        if not isinstance(form, list) or not all(type(digit) is int and 0 <= digit <= 4 for digit in form):
            return super()._from_form(form)
        modules = "".join(map(str, form)).rstrip("0")
        if not re.fullmatch(r"[1-4]{4,6}", modules) or not _allowed(modules):
            raise NotPlainError("one to three modules double the channels (2, 4), one to four halve the size (3, 4)")
        return self.from_modules(modules)

    def from_modules(self, modules: str) -> Architecture:
        """Return the skeleton with these modules, "1234"."""
        return Architecture(self.name, f"64-{modules}-basic")

    def modules(self, architecture: Architecture) -> str:
        """Return the types of the modules, "1234"."""
        return self.parse(self.key(architecture)).key.split("-")[1]

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw uniformly from the 3,256 skeletons."""
        while True:
            # Uniform over all strings: there are more longer ones.
            depth = 4 + int(rng.choice(3, p=np.array([4**4, 4**5, 4**6]) / (4**4 + 4**5 + 4**6)))
            modules = "".join(MODULES[i] for i in rng.integers(4, size=depth))
            if _allowed(modules):
                return self.from_modules(modules)

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Return those in which one module is of another type, was removed or inserted."""
        modules = self.modules(architecture)
        found = {modules[:i] + m + modules[i + 1 :] for i in range(len(modules)) for m in MODULES}
        found |= {modules[:i] + modules[i + 1 :] for i in range(len(modules))}
        found |= {modules[:i] + m + modules[i:] for i in range(len(modules) + 1) for m in MODULES}
        good = {other for other in found if 4 <= len(other) <= 6 and _allowed(other)} - {modules}
        return [self.from_modules(other) for other in sorted(good)]

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Take each module and the length from either parent; the draw is repeated until the child is allowed."""
        first, second = self.modules(a), self.modules(b)
        for _ in range(100):
            length = len((first, second)[int(rng.integers(2))])
            sides = [(first, second)[int(side)] for side in rng.integers(2, size=length)]
            child = "".join((side if i < len(side) else max(first, second, key=len))[i] for i, side in enumerate(sides))
            if _allowed(child):
                return self.from_modules(child)
        return self.from_modules(first)

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the same skeleton in the benchmark's own string."""
        return self.from_modules(self.modules(architecture))

    def encode(self, architecture: Architecture) -> np.ndarray:
        """Return float64 ``(24,)``: for each of six positions the type, one-hot; zeros where there is no module."""
        code = np.zeros((6, 4))
        for row, module in zip(code, self.modules(architecture), strict=False):
            row[MODULES.index(module)] = 1
        return code.ravel()

    def graph(self, architecture: Architecture) -> Graph:
        """Return the modules in sequence."""
        return chain([f"module-{module}" for module in self.modules(architecture)])

    def build(self, architecture: Architecture, *, num_classes: int = 75) -> nn.Module:
        """Build the network; see :meth:`TransNASMicroSpace.build`."""
        from zcbench.spaces._transnasbench101_network import MacroNet

        return MacroNet(self.modules(architecture), None, num_classes=num_classes)


def _allowed(modules: str) -> bool:
    wider = sum(module in "24" for module in modules)
    lower = sum(module in "34" for module in modules)
    return 1 <= wider <= 3 and 1 <= lower <= 4


register_space(
    TransNASMicroSpace(),
    TransNASMacroSpace(),
)
