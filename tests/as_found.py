"""Everything of a network that a user could notice, to compare before and after."""

from __future__ import annotations

import torch
from torch import nn


def state(model: nn.Module) -> dict[str, object]:
    """Everything that a user could notice."""
    return {
        "tensors": {
            name: (id(t), t.detach().clone(), t.requires_grad, t.grad)
            for name, t in (*model.named_parameters(), *model.named_buffers())
        },
        "modes": {name: m.training for name, m in model.named_modules()},
        "attributes": {name: sorted(vars(m)) for name, m in model.named_modules()},
        "hooks": {
            name: [len(getattr(m, key)) for key in vars(m) if key.endswith("_hooks")]
            for name, m in model.named_modules()
        },
    }


def same(before: object, after: object) -> bool:
    """Whether two states are equal, tensors bit for bit."""
    if isinstance(before, torch.Tensor):
        return isinstance(after, torch.Tensor) and torch.equal(before, after)
    if isinstance(before, dict):
        assert isinstance(after, dict)
        return before.keys() == after.keys() and all(same(before[k], after[k]) for k in before)
    if isinstance(before, tuple | list):
        assert isinstance(after, tuple | list)
        return len(before) == len(after) and all(same(a, b) for a, b in zip(before, after, strict=True))
    return bool(before == after)
