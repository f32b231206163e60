"""Benchmarks: search spaces with tables of what training gave, and batches of the data they were trained on."""

from zcbench.datasets._benchmark import Benchmark
from zcbench.datasets._info import BenchmarkInfo
from zcbench.datasets._load import (
    BENCHMARKS,
    benchmark_info,
    get_benchmark,
    import_benchmark,
    list_benchmarks,
    load_benchmark,
)
from zcbench.datasets.batches import load_batch
from zcbench.datasets.own import own_benchmark, read_columns

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "BenchmarkInfo",
    "benchmark_info",
    "get_benchmark",
    "import_benchmark",
    "list_benchmarks",
    "load_batch",
    "load_benchmark",
    "own_benchmark",
    "read_columns",
]
