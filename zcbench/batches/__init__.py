"""Batches: samples of the data that the benchmarks' networks were trained on."""

from zcbench.batches._load import load_batch

__all__ = ["load_batch"]
