"""Change a network before it is scored: draw its weights again, or train it.

Scores at initialisation need neither. Averages over initialisations do, and so does the neural tangent kernel, which is
hardly informative before the first steps of training and very informative after them (Mok et al., CVPR 2022,
arXiv:2203.14577).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zcbench._arguments import number, whole
from zcbench._moving import moved
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.probe import default_loss
from zcbench.probe._measurable import as_classes, eager, measurable
from zcbench.probe.calling import Place, alike, as_tensor, chosen, invoke, narrowed, settle
from zcbench.types import Batch, LossFunction, OutputChoice


@dataclass(frozen=True)
class Recipe:
    """constant."""

    optimizer: str = "sgd"
    learning_rate: float = 0.05
    weight_decay: float = 5e-4
    batch_size: int = 64

    def __post_init__(self) -> None:
        if self.optimizer not in ("sgd", "adamw"):
            raise InvalidInputError(f"unknown optimizer {self.optimizer!r}: choose 'sgd' or 'adamw'.")
        number("the learning rate", self.learning_rate, 0.0)
        number("the weight decay", self.weight_decay, 0.0)
        whole("the batch size of training", self.batch_size, 1)

    def build(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Create the optimizer."""
        if self.optimizer == "sgd":
            return torch.optim.SGD(
                parameters, self.learning_rate, momentum=0.9, weight_decay=self.weight_decay, nesterov=True
            )
        return torch.optim.AdamW(parameters, self.learning_rate, weight_decay=self.weight_decay)


def train(
    model: nn.Module,
    data: Batch,
    *,
    epochs: int = 0,
    steps: int = 0,
    recipe: Recipe | None = None,
    loss_fn: LossFunction | None = None,
    seed: int = 0,
    output: OutputChoice | None = None,
) -> int:
    """Train a network in place: ``epochs`` passes over ``data`` and then ``steps`` more steps.

    Args:
        model: the network; it is set to training mode and stays in it.
        data: inputs and targets; each epoch uses a new random order.
        epochs: passes over the data.
        steps: optimizer steps after them.
        recipe: default SGD.
        loss_fn: as for ``zcbench.score``.
        seed: seed of the order and of all random numbers inside the network.
        output: as for ``zcbench.score``.

    Returns:
        Number of optimizer steps.

    Raises:
        UnsupportedModelError: there are no targets or no trainable parameters.
        FloatingPointError: the loss is no longer finite.
        InvalidInputError: the network or the data cannot be measured, or an argument is out of range.
    """
    model = measurable(model, data)
    whole("the number of epochs", epochs, 0), whole("the number of steps", steps, 0)
    whole("the seed", seed, 0, 2**63 - 1)
    recipe = recipe or Recipe()
    if data.targets is None:
        raise UnsupportedModelError("training before the score needs targets: pass targets=… with the inputs.")
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise UnsupportedModelError("the network has no trainable parameter.")
    torch.manual_seed(seed)
    model.train()
    optimizer = recipe.build(parameters)
    per_epoch = len(_cuts(len(data), recipe.batch_size))
    total = epochs * per_epoch + steps
    order = _rows(len(data), recipe.batch_size, torch.Generator().manual_seed(seed))
    targets, tensor_of = as_classes(data.targets), _Output(model, data, output)
    device = targets.device
    with torch.inference_mode(mode=False), torch.enable_grad(), eager(model):
        for step, rows in enumerate((rows.to(device) for rows in itertools.islice(order, total)), 1):
            inputs = data[rows].inputs
            loss = (loss_fn or default_loss)(tensor_of(invoke(model, inputs)), targets[rows])
            if not torch.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss.item()} at step {step} of training.")
            optimizer.zero_grad(set_to_none=True)
            if loss.requires_grad:
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return total


class _Output:
    """The tensor of the network's output that is used in training: the same one as in evaluation."""

    def __init__(self, model: nn.Module, data: Batch, choice: OutputChoice | None) -> None:
        self.model, self.data, self.choice = model, data, choice
        self.place: Place | None = None

    def __call__(self, output: object) -> Tensor:
        output = chosen(output, self.choice)
        if isinstance(narrowed(output), Tensor):
            return as_tensor(output)
        if self.place is None:
            self.place = self._settled(output)
        return as_tensor(output, self.place)

    def _settled(self, output: object) -> Place:
        training = [module for module in self.model.modules() if module.training]
        self.model.eval()
        try:
            with torch.enable_grad(), torch.random.fork_rng(devices=[]):
                expected = self._chosen(1)
                if isinstance(single := narrowed(expected), Tensor):
                    return alike(output, single)
                return settle(self._chosen, len(self.data))
        finally:
            for module in training:
                module.training = True

    def _chosen(self, samples: int) -> object:
        return chosen(invoke(self.model, self.data[:samples].inputs), self.choice)


def _cuts(samples: int, size: int) -> list[slice]:
    """Split samples into batches of at least half the size, because batch norm needs enough samples."""
    count = max(1, round(samples / size))
    bounds = [round(i * samples / count) for i in range(count + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(bounds)]


def _rows(samples: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    cuts = _cuts(samples, size)
    while True:
        order = torch.randperm(samples, generator=generator)
        yield from (order[cut] for cut in cuts)


def reinitialize(model: nn.Module, seed: int) -> None:
    """Draw all weights again, in place, as the network's own classes initialise them.

    Modules define this by ``reset_parameters`` (PyTorch) or the model by ``_init_weights`` (Hugging Face).

    Raises:
        UnsupportedModelError: a module with its own weights defines neither.
    """
    processor = torch.device("cpu")
    tensors = [*model.parameters(), *model.buffers()]
    if all(tensor.device == processor for tensor in tensors):
        _draw_anew(model, seed)
        return
    with moved(model, processor):  # the weights depend on the seed only, and not on the device
        _draw_anew(model, seed)
        drawn = [tensor.detach().clone() for tensor in (*model.parameters(), *model.buffers())]
    with torch.no_grad():
        for tensor, value in zip(tensors, drawn, strict=True):
            tensor.copy_(value)


def _draw_anew(model: nn.Module, seed: int) -> None:
    torch.manual_seed(seed)
    for_all: Callable[[nn.Module], Any] | None = getattr(model, "_init_weights", None)
    silent = []
    with torch.no_grad():
        for module in model.modules():
            reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
            if callable(reset):
                reset()
            elif next(module.parameters(recurse=False), None) is not None:
                silent.append(module)
        if for_all is not None:
            for tensor in (*model.parameters(), *model.buffers()):
                vars(tensor).pop("_is_hf_initialized", None)
            model.apply(for_all)
    if silent and for_all is None:
        raise UnsupportedModelError(
            f"{type(silent[0]).__name__} has weights and no reset_parameters(): they cannot be drawn again for repeats."
        )
