"""Tensors and texts in a safetensors file with a digest that detects any change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import torch
from torch import Tensor

from zcbench.errors import DataCorruptError, first_line

_SEAL = "digest"


def sealed(tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> bytes:
    """Return a file's content, with a digest of everything in it.

    Args:
        tensors: dense; they are copied to the CPU.
        texts: become the file's metadata.
    """
    from safetensors.torch import save

    kept = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    return save(kept, {**texts, _SEAL: _digest(kept, texts)})


def opened(content: bytes, *, strict: bool) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the arguments of :func:`sealed`.

    Args:
        content: content of a file.
        strict: whether a file without a digest is refused; another program may have written it.

    Raises:
        DataCorruptError: it is not such a file, or was changed.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(content)
        length = int.from_bytes(content[:8], "little")
        texts = dict(json.loads(content[8 : 8 + length]).get("__metadata__", {}))
    except (SafetensorError, ValueError, KeyError, AttributeError, TypeError, OverflowError) as error:
        raise DataCorruptError(f"it is not a safetensors file: {first_line(error)}.") from None
    seal = texts.pop(_SEAL, None)
    if seal is None and strict:
        raise DataCorruptError("it has no digest.")
    if seal is not None and seal != _digest(tensors, texts):
        raise DataCorruptError("it is damaged: its content differs from what was written.")
    return tensors, texts


def _digest(tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> str:
    content = hashlib.blake2b(json.dumps(sorted(texts.items())).encode(), digest_size=16)
    for name, value in sorted(tensors.items()):
        content.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        content.update(value.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b"")
    return content.hexdigest()
