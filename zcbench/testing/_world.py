"""Global state that a proxy or a predictor must not change, in addition to its arguments."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules import module as modules


def world() -> dict[str, Any]:
    """Return random states and global flags."""
    cudnn: Any = torch.backends.cudnn
    cuda: Any = torch.backends.cuda
    return {
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state(),
        "python": random.getstate(),
        "flags": (
            (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32),
            (cuda.flash_sdp_enabled(), cuda.mem_efficient_sdp_enabled(), cuda.math_sdp_enabled()),
            (torch.get_default_dtype(), str(torch.get_default_device()), torch.get_float32_matmul_precision()),
            (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")),
            (torch.is_anomaly_enabled(), torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()),
        ),
        "hooks": tuple(len(table) for name, table in sorted(vars(modules).items()) if name.endswith("_hooks")),
    }


def differs(a: object, b: object) -> bool:
    """Return whether two states differ anywhere; nan equals nan."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape != b.shape or not torch.equal(a.nan_to_num(1.5), b.nan_to_num(1.5))
    if isinstance(a, np.ndarray):
        return not np.array_equal(a, b)  # type: ignore[arg-type]
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() != b.keys() or any(differs(a[key], b[key]) for key in a)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) != len(b) or any(differs(x, y) for x, y in zip(a, b, strict=True))
    return a != b
