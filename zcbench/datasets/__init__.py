"""Benchmarks: search spaces with tables of training results.

A file without a leading underscore, except ``own.py``, is a benchmark or a family of benchmarks: it declares the source
of the table and how each source is read, and registers the benchmarks.
"""

from typing import Any

from zcbench._kinds import renamed
from zcbench.datasets._benchmark import Benchmark
from zcbench.datasets._info import BenchmarkInfo, benchmark_info, list_benchmarks, register_benchmark
from zcbench.datasets._load import download_benchmark, get_benchmark, import_benchmark
from zcbench.datasets._table import Table
from zcbench.datasets.own import own_benchmark, read_columns

__all__ = [
    "Benchmark",
    "BenchmarkInfo",
    "Table",
    "benchmark_info",
    "download_benchmark",
    "get_benchmark",
    "import_benchmark",
    "list_benchmarks",
    "own_benchmark",
    "read_columns",
    "register_benchmark",
]


def __getattr__(name: str) -> Any:
    return renamed(__name__, name)
