"""Batches: samples of the training data of the benchmarks' networks.

Each file without a leading underscore is one family and registers its batches.
"""

from typing import Any

from zcbench._kinds import renamed
from zcbench.batches._cifar_files import find_images, searched
from zcbench.batches._draw import get_batch
from zcbench.batches._get import download_batch, import_batch, list_downloads
from zcbench.batches._register import BatchInfo, batch_info, list_batches, register_batch

__all__ = [
    "BatchInfo",
    "batch_info",
    "download_batch",
    "find_images",
    "get_batch",
    "import_batch",
    "list_batches",
    "list_downloads",
    "register_batch",
    "searched",
]


def __getattr__(name: str) -> Any:
    return renamed(__name__, name)
