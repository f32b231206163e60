"""Benchmarks: search spaces with tables of what training gave, and batches of the data they were trained on."""

from zcbench.datasets._benchmark import Benchmark
from zcbench.datasets._load import BENCHMARKS, benchmark_info, list_benchmarks, load_benchmark
from zcbench.datasets.batches import load_batch

__all__ = ["BENCHMARKS", "Benchmark", "benchmark_info", "list_benchmarks", "load_batch", "load_benchmark"]
