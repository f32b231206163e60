"""Functional hashing: networks are equal if they compute the same on fixed inputs after a canonical initialisation.

The hash uses no graphs, and therefore works for every space that builds networks. The weights of a layer depend only on
its class, the name of the parameter within it and its shape, so that renaming and reordering nodes changes nothing. The
hash covers the outputs and, in no order, the gradient of every parameter that has one. The gradients distinguish two
layers whose outputs are added from one layer that is used twice, which would train differently. Parameters without a
gradient are dead and not counted. ``benchmarks/functional_hashing.py`` measures how often different networks get equal
hashes, and equal networks different ones.

Source: R. Gillard, S. Jonany, Y. Miao, M. Munn et al., "Unified Functional Hashing in Automatic Machine Learning",
2023, arXiv:2302.05433. They hash networks by their accuracies in training; here the networks at initialisation are
hashed.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from zcbench import _arguments as rules
from zcbench._display import brief, many, plain
from zcbench._foreign import Foreign
from zcbench._process import stable_seed
from zcbench.errors import InvalidInputError, shortened
from zcbench.search._base import Floats
from zcbench.types import Architecture, Batch, SearchSpace

if TYPE_CHECKING:
    from torch import Tensor, nn

#: number of input samples, and side to which larger images are reduced
SAMPLES, SIDE = 2, 16
#: decimals of outputs and gradients, relative to the largest
DECIMALS = 9
#: number of cached hashes
KEPT = 200_000
#: gradients below this, relative to the largest, belong to dead parameters
_DEAD = 1e-12
#: buffers that are drawn like weights; the meaning of other buffers is unknown
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def equality(equal: Any, space: SearchSpace) -> Callable[[Architecture], str] | None:
    """Return the function that identifies equal networks, from a search's argument ``equal``; None: canonical form.

    Raises:
        InvalidInputError: the argument is not valid, or the space builds no networks.
    """
    if isinstance(equal, str):
        rules.choice("kind of equality", ("canonical", "functional"))("equal", equal)
        return FunctionalHash(space) if equal == "functional" else None
    if isinstance(equal, FunctionalHash):
        return equal
    function = rules.called_with(1)("equal", equal)

    def told(architecture: Architecture) -> str:
        found: Any = None
        with Foreign() as call:
            found = function(architecture)
        if call.kind is not None:
            raise InvalidInputError(f"equal has no text for {architecture.key}: {call.said}")
        if not isinstance(found, str):
            raise InvalidInputError(f"equal returned {rules.shown(found)} for {architecture.key}: return a text.")
        return found

    return told


class FunctionalHash:
    """A function from an architecture to a text that networks with the same function share.

    If a network cannot be built, fails or returns no finite numbers, its canonical form is used instead, and
    :meth:`notes` says so.

    Args:
        space: the space that builds the networks.
        gradients: whether equal networks must also have equal gradients. Without it, one layer that is used twice
            equals two layers whose outputs are added, and f(x) + f(x) equals f(x + x), because layers of one shape have
            the same weights.
        seed: determines inputs and weights.

    Raises:
        InvalidInputError: the space builds no networks.

    Attributes:
        hashed: number of networks that were built.
    """

    def __init__(self, space: SearchSpace, *, gradients: bool = True, seed: int = 0) -> None:
        if not space.domains:
            raise InvalidInputError(
                f"functional hashing needs networks, but the space {space.name} builds none: choose equal='canonical'."
            )
        self.space = space
        self.gradients = rules.flag("gradients", gradients)
        self.seed = rules.seed("the seed", seed)
        self.hashed = 0
        self._seconds = 0.0
        self._known: dict[str, str] = {}
        self._drawn: dict[tuple[Any, ...], Any] = {}
        self._without = 0
        self._example = ""
        self._batch: Batch | None = None

    def __repr__(self) -> str:
        return brief(f"<FunctionalHash of {plain(self.space.name, 40)}>")

    def __call__(self, architecture: Architecture) -> str:
        """Return the hash of the canonical form, so that each canonical form is built only once."""
        form = self.space.canonical(architecture)
        if form.key not in self._known:
            if len(self._known) >= KEPT:
                self._known.clear()
            began = time.perf_counter()
            self._known[form.key] = self._hash(form)
            self._seconds += time.perf_counter() - began
        return self._known[form.key]

    def take_seconds(self) -> float:
        """Return the seconds that hashing took since the last call."""
        taken, self._seconds = self._seconds, 0.0
        return taken

    def notes(self) -> list[str]:
        """Return notes on networks that could not be hashed."""
        if not self._without:
            return []
        count = many(self._without, "network")
        return [f"{count} could not be hashed and was compared only by its canonical form ({self._example})."]

    def _hash(self, architecture: Architecture) -> str:
        found: bytes | None = None
        with Foreign(tidy=True) as call:
            found = self._numbers(architecture)
        self.hashed += 1
        if found is None:
            self._without += 1
            self._example = self._example or shortened(f"{plain(architecture.key, 100)}: {call.said}")
            return f"canonical {architecture.key}"
        return hashlib.sha256(found).hexdigest()[:32]

    def _numbers(self, architecture: Architecture) -> bytes:
        """Return rounded outputs and gradients of the network in evaluation mode, in double precision."""
        import torch

        from zcbench.probe.calling import as_tensor, find_place, invoke, narrowed

        network = self._network(architecture)
        batch = self._inputs()
        with torch.enable_grad() if self.gradients else torch.no_grad():
            returned = invoke(network, batch.inputs)
            place = None if isinstance(narrowed(returned), torch.Tensor) else find_place([(SAMPLES, returned)])
            output = as_tensor(returned, place)
            weights = self._draw(("output", *output.shape), tuple(output.shape))
            rounded = [_rounded(output.detach().numpy().ravel())]
            if self.gradients and output.requires_grad:
                names = _places(network)
                parameters = list(names)
                found = torch.autograd.grad((output * weights).sum(), parameters, allow_unused=True)
                rounded.append(self._of_gradients([names[p] for p in parameters], list(found)))
        return b"|".join(rounded)

    def _of_gradients(self, places: list[tuple[Any, ...]], gradients: list[Tensor | None]) -> bytes:
        """Encode gradients without order: for each that is not zero, its place, norm and a fixed projection."""
        alive = [(place, one) for place, one in zip(places, gradients, strict=True) if one is not None]
        largest = max((float(one.abs().max()) for _, one in alive if one.numel()), default=0.0)
        alive = [(place, one) for place, one in alive if one.numel() and float(one.abs().max()) > _DEAD * largest]
        names = [stable_seed(*place) for place, _ in alive]
        numbers = [
            (float(one.norm()), float((one * self._draw(("gradient", *place), tuple(one.shape))).sum()))
            for place, one in alive
        ]
        flat = np.frombuffer(_rounded(np.array(numbers, np.float64).ravel()), np.int64)
        scale, values = flat[:1], flat[1:].reshape(-1, 2)
        rows = sorted(zip(names, values[:, 0].tolist(), values[:, 1].tolist(), strict=True))
        return repr((scale.tolist(), rows)).encode()

    # -- network, weights and inputs ---------------------------------------------------------------

    def _network(self, architecture: Architecture) -> nn.Module:
        """Return the network with canonical weights."""
        import torch

        network: nn.Module | None = None
        try:
            with torch.device("meta"):
                network = self.space.build(architecture)
            strange = [name for name, _ in network.named_buffers() if name.rpartition(".")[2] not in _STATISTICS]
            network = None if strange else network.to_empty(device="cpu")
        except (NotImplementedError, RuntimeError):  # an operation that needs numbers
            network = None
        if network is None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                network = self.space.build(architecture)
        network = network.double().eval()
        with torch.no_grad():
            for tensor, place in {**_places(network), **_places(network, buffers=True)}.items():
                if tensor.is_floating_point():
                    tensor.copy_(self._canonical(place, tuple(tensor.shape)))
                elif place[1] == "num_batches_tracked":
                    tensor.zero_()
        return network

    def _canonical(self, place: tuple[Any, ...], shape: tuple[int, ...]) -> Tensor:
        """Return the weights of a place: He's scale for matrices, 0 for biases and means, around 1 for the rest."""
        drawn = self._draw(("weight", *place), shape)
        if len(shape) > 1:
            return drawn * math.sqrt(2 / math.prod(shape[1:]))
        if place[1] == "running_mean" or place[1].startswith("bias"):
            return 0 * drawn  # as at initialisation: zero inputs give zero outputs
        return 1 + 0.5 * drawn.tanh()

    def _draw(self, name: tuple[Any, ...], shape: tuple[int, ...]) -> Tensor:
        """Return normal numbers that depend on a name and a shape."""
        import torch

        if (name, shape) not in self._drawn:
            generator = torch.Generator().manual_seed(stable_seed("functional", self.seed, *name, *shape))
            self._drawn[name, shape] = torch.randn(shape, generator=generator, dtype=torch.float64)
        drawn: Tensor = self._drawn[name, shape]
        return drawn

    def _inputs(self) -> Batch:
        """Return the inputs: noise for small images, or the beginning of a substitute text."""
        if self._batch is None:
            from zcbench.encodings.proxies import stand_in

            shape = self.space.input_shape
            if len(shape) == 3:
                sides = tuple(min(side, SIDE if side <= 4 * SIDE else side // 4) for side in shape[1:])
                self._batch = Batch(self._draw(("inputs",), (SAMPLES, shape[0], *sides)))
            else:
                self._batch = Batch(stand_in(self.space)[:SAMPLES].inputs)
        return self._batch


def _places(network: nn.Module, *, buffers: bool = False) -> dict[Tensor, tuple[Any, ...]]:
    """Return for each parameter (or buffer of statistics) the class of its module, its name in it, and its shape."""
    found: dict[Tensor, tuple[Any, ...]] = {}
    for module in network.modules():
        own = module.named_buffers(recurse=False) if buffers else module.named_parameters(recurse=False)
        for name, tensor in own:
            if not buffers or name in _STATISTICS:
                found.setdefault(tensor, (type(module).__qualname__, name, *tensor.shape))
    return found


def _rounded(values: Floats) -> bytes:
    """Return the exponent of the largest number and all numbers rounded relative to it; ValueError if not finite."""
    if not np.isfinite(values).all():
        raise ValueError("it returns numbers that are not finite")
    largest = float(np.abs(values).max(initial=0.0))
    exponent = math.frexp(largest)[1]
    whole = np.rint(np.ldexp(values, -exponent) * 10.0**DECIMALS).astype(np.int64)
    return np.concatenate([[exponent], whole]).astype(np.int64).tobytes()
