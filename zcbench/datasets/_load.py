"""The benchmarks that exist and how each is loaded."""

from __future__ import annotations

import functools
import importlib
import os
from dataclasses import dataclass

from zcbench.datasets._benchmark import Benchmark
from zcbench.errors import InvalidInputError, UnknownNameError


@dataclass(frozen=True)
class BenchmarkInfo:
    """What can be said of a benchmark before its table is read.

    Attributes:
        name: name of the benchmark.
        module: module whose ``load`` reads it.
        summary: one line.
        embedded: whether the table comes with zcbench.
        reference: paper or script that made it.
        get: where its authors publish the table, for one that is not embedded.
    """

    name: str
    module: str
    summary: str
    embedded: bool
    reference: str
    get: str = ""


BENCHMARKS = {
    info.name: info
    for info in (
        BenchmarkInfo(
            "digits-201",
            "zcbench.datasets.digits201",
            "NAS-Bench-201 cells, trained by this project on handwritten digits; three seeds, per-epoch curves",
            True,
            "scripts/train_digits201.py",
        ),
        BenchmarkInfo(
            "nasbench201",
            "zcbench.datasets.nasbench201",
            "NAS-Bench-201: 15,625 cells on CIFAR-10, CIFAR-100 and ImageNet16-120",
            False,
            "Dong and Yang, ICLR 2020, arXiv:2001.00326; NATS-Bench, arXiv:2009.00437",
            "NATS-tss-v1_0-3ffb9-simple.tar, drive.google.com/file/d/17_saCsj_krKjlCBLOJEpNtzPXArMCqxU (unpack, then "
            "zcbench data import nasbench201 NATS-tss-v1_0-3ffb9-simple); or NAS-Bench-201-v1_1-096897.pth (4.7 GB, "
            "needs 28 GB of memory), drive.google.com/open?id=16Y0UwGisiouVRxW-W5hEtbxmcHw_0hF_",
        ),
    )
}


def list_benchmarks() -> list[str]:
    """Names of the benchmarks, the embedded ones first."""
    return sorted(BENCHMARKS, key=lambda name: (not BENCHMARKS[name].embedded, name))


def benchmark_info(name: str) -> BenchmarkInfo:
    """What can be said of a benchmark before its table is read; UnknownNameError if there is none."""
    if name not in BENCHMARKS:
        raise UnknownNameError("benchmark", name, BENCHMARKS)
    return BENCHMARKS[name]


def load_benchmark(name: str, source: str | os.PathLike[str] | None = None) -> Benchmark:
    """Load a benchmark's table.

    Args:
        name: "digits-201" (embedded) or "nasbench201".
        source: for nasbench201, the official ``.pth`` file or NATS-Bench ``-simple`` folder to read. Default: what
            ``zcbench data import`` stored, else the columns in ``ZCBENCH_DATA``.

    Raises:
        UnknownNameError: there is no such benchmark.
        DataMissingError: its table is not on this machine; the message says how to get it.
        DataCorruptError: the table is damaged or asks for forbidden objects.
    """
    info = benchmark_info(name)
    if source is None:
        return _load(name)
    if info.embedded:
        raise InvalidInputError(f"{name} comes with zcbench: it takes no source.")
    benchmark: Benchmark = importlib.import_module(info.module).load(source)
    return benchmark


@functools.cache
def _load(name: str) -> Benchmark:
    benchmark: Benchmark = importlib.import_module(BENCHMARKS[name].module).load()
    return benchmark
