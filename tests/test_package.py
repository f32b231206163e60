"""``import zcbench`` is fast, and what it offers is there."""

import importlib.metadata
import subprocess
import sys

import pytest

import zcbench


@pytest.mark.parametrize("name", zcbench.__all__)
def test_public_names(name):
    assert getattr(zcbench, name) is not None
    assert name in dir(zcbench)


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="'zcbench' has no attribute 'scores'"):
        _ = zcbench.scores


def test_everything_public_is_documented():
    assert [n for n in zcbench.__all__ if not n.startswith("__") and not getattr(zcbench, n).__doc__] == []


def test_version_is_that_of_the_distribution():
    assert zcbench.__version__ == importlib.metadata.version("zcbench")


def test_import_is_light():
    code = (
        "import sys, zcbench; zcbench.Architecture; "
        "print(sorted({'torch', 'numpy', 'scipy', 'jinja2', 'rich', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_of_proxies_need_no_torch():
    code = (
        "import sys, zcbench.proxies as proxies; print(len(proxies.STANDARD), 'torch' in sys.modules); "
        "print(proxies.score is proxies.score_with, 'torch' in sys.modules, hasattr(proxies, 'scores'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["11", "False", "False", "True", "False"]


def test_module_is_a_command():
    done = subprocess.run([sys.executable, "-m", "zcbench", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == zcbench.__version__


def shown():
    """One of everything public that has something to show: what is registered, and what functions return."""
    from zcbench.batches import batch_info
    from zcbench.datasets import Table, benchmark_info
    from zcbench.encodings import encoding_info
    from zcbench.ensembles import ensemble_info
    from zcbench.metrics import Estimate, kendall_jackknife
    from zcbench.predictors import predictor_info
    from zcbench.proxies import get_proxy
    from zcbench.records import Record, Records, Store, Trial, Trials
    from zcbench.runs import Run, Track, track_info
    from zcbench.runs._pool import pool_of
    from zcbench.testing import Outcome, Report
    from zcbench.types import Score, Status

    yield from map(get_proxy, zcbench.list_proxies())
    yield from map(predictor_info, zcbench.list_predictors())
    yield from (predictor_info(name).make() for name in zcbench.list_predictors())
    yield zcbench.get_predictor("mean:members=(gp+xgboost+lightgbm+gcn:loss=hinge+gates+gates:encoding=graph)")
    yield from map(encoding_info, zcbench.list_encodings())
    yield from (zcbench.get_encoding(encoding_info(name).written) for name in zcbench.list_encodings())
    yield from map(batch_info, zcbench.list_batches())
    yield zcbench.get_encoding("+".join(f"proxies({name})" for name in zcbench.list_proxies()))
    yield from map(ensemble_info, zcbench.list_ensembles())
    yield zcbench.get_ensemble(f"vote({'+'.join(zcbench.list_proxies())})")
    yield from map(zcbench.get_space, zcbench.list_spaces())
    yield from map(benchmark_info, zcbench.list_benchmarks())
    yield from map(track_info, zcbench.runs.list_tracks())
    yield Track(
        name="mine", benchmarks=tuple(f"benchmark-{i}" for i in range(99)), proxies=tuple(f"p{i}" for i in range(99))
    )
    yield Run(track=Track(name="mine", benchmarks=tuple(f"benchmark-{i}" for i in range(99))))
    table = zcbench.get_benchmark("digits-201")
    architecture = table.architectures[0]
    yield from (table, table.target(), table.space.graph(architecture), pool_of(table, None, 50))
    yield Table([a.key for a in table.architectures], (table.target(),), table.values)
    batch = zcbench.get_batch("digits", 64)
    network = table.build(architecture, "digits")
    yield from (batch, zcbench.types.Batch({"ids": batch.targets, "mask": None}), zcbench.Probe(network, batch))
    record = Record(
        table.identifier, architecture.key, "naswot:repeats=3@1", 0, batch.provenance, Score(1 / 3, Status.OK, 1 / 7)
    )
    failed = Score(None, Status.FAILED, 1.0, "a reason\nof two lines " * 20)
    trial = Trial(
        table.identifier, "test_nll", "", "gp@1", 99, 10, 0, 0, Status.OK, {"tau": 1 / 3, "rho": 1 / 7}, "x" * 500
    )
    yield from (record, record.score, failed, trial, Records.of([record]), Trials.of([trial]), Store("runs"))
    yield from (Estimate(1 / 3, 1 / 7, 1 / 9, 10**6), kendall_jackknife(range(99), range(99)))
    yield from (Outcome("a check", "failed", "why\n" * 99), Report("mine", [Outcome("a check", "passed")] * 99))


def test_what_is_shown_at_a_prompt_is_one_line():
    """Evaluations and sample efficiency have theirs beside their other tests."""
    every = [repr(thing) for thing in shown()]
    assert len(every) > 150
    assert [text for text in every if len(text) > 120 or not text.isprintable()] == []
    assert [text for text in every if " at 0x" in text] == []
