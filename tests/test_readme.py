"""What the README prints works as printed."""

import random
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import registry_as_it_was

import zcbench
from zcbench._imports import import_file
from zcbench.cli import main
from zcbench.testing import check_curve_predictor, check_proxy, check_signal

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def blocks(path):
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.S)


def test_fifty_rows_of_ones_own_rank_ten_thousand_candidates(tmp_path, monkeypatch, capsys):
    (example,) = [block for block in blocks(README) if "trained.csv" in block]
    benchmark = zcbench.get_benchmark("digits-201")
    rows = np.random.default_rng(0).permutation(len(benchmark))[:50]
    truth = benchmark.truth("valid_accuracy")
    lines = [f"{benchmark.architectures[row].key},{truth[row]:.5f}" for row in rows]
    (tmp_path / "trained.csv").write_text("\n".join(["arch,accuracy", *lines]) + "\n")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    random.seed(0)
    exec(example, names)
    best = capsys.readouterr().out.split()
    assert len(set(best)) == 10
    known = {benchmark.space.functional_key(a): value for a, value in zip(benchmark.architectures, truth, strict=True)}
    chosen = [known[benchmark.space.functional_key(benchmark.space.parse(key))] for key in best]
    assert np.mean(chosen) > np.quantile(truth, 0.9)


def test_a_model_of_timm(capsys):
    pytest.importorskip("timm", exc_type=ImportError)
    (line,) = re.findall(r"^zcbench (score timm:.*)$", README.read_text(encoding="utf-8"), re.M)
    assert main([*line.split(), "--batch-size", "2", "--proxies", "params,naswot"]) == 0
    assert re.search(r"^params +5435488 +ok", capsys.readouterr().out, re.M)


@pytest.mark.slow
def test_searches_of_the_readme(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"zcbench": zcbench}
    examples = [block for block in blocks(README) if "zcbench.search(" in block and "supernets." not in block]
    assert len(examples) == 2
    for example in examples:
        exec(example, names)
    assert "evolution@1 on digits-201@1, seed 0: the best of 40 evaluations" in capsys.readouterr().out
    assert (tmp_path / "mine.jsonl").exists()


@pytest.mark.slow
def test_searches_of_the_docs(tmp_path, monkeypatch):
    first, roles, shortlist = blocks(ROOT / "docs" / "search.md")
    (tmp_path / "script.py").write_text(first.replace("budget=40", "budget=4"))
    run = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (run.returncode, run.stderr) == (0, "")
    assert "the best of 4 evaluations by accuracy" in run.stdout
    monkeypatch.chdir(tmp_path)
    for long, short in (  # the same calls, with fewer scores
        ("budget=20", "budget=2"),
        ('role="warm-start"', 'role="warm-start:from=20"'),
        ('"warm-start": ', '"warm-start:from=20": '),
        ('"filter": ', '"filter:from=5": '),
        ('"guided"', '"guided:initial=1:whole=1:candidates=20"'),
    ):
        assert long in roles
        roles = roles.replace(long, short)
    exec(roles, {"zcbench": zcbench})
    assert (tmp_path / "scores").is_dir()
    exec(shortlist.replace("2_000", "200"), {"zcbench": zcbench, "space": zcbench.get_space("nasbench201")})


def test_learning_curves_of_the_readme(monkeypatch):
    (example,) = [block for block in blocks(README) if "curves.extrapolate" in block]
    names: dict[str, object] = {}
    exec(example, names)
    assert len(names["losses"]) == 2  # type: ignore[arg-type]


def test_the_curve_predictor_of_the_docs_passes_its_contract(tmp_path):
    (tmp_path / "mine.py").write_text(blocks(ROOT / "docs" / "curves.md")[1])
    with registry_as_it_was():
        import_file(tmp_path / "mine.py")
        report = check_curve_predictor("plateau")
    assert report.ok, str(report)


def test_the_supernet_of_the_readme(tmp_path, monkeypatch):
    (example,) = [block for block in blocks(README) if "WeightSharing" in block]
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(example.replace("steps=200", "steps=20").replace("budget=30", "budget=4"), names)
    assert names["found"].best.values["accuracy"] > 0
    assert sum(value.numel() for value in names["subnet"].parameters()) <= 4000
    assert {one.suffix for one in (tmp_path / "best").iterdir()} >= {".safetensors", ".pt2"}


def test_networks_of_the_readme():
    """One's own, a BERT, a LLaMA and graphs: every score that is printed there has a value."""
    names: dict[str, object] = {}
    examples = [block for block in blocks(README) if "zcbench.score(" in block][:4]
    assert [word in block for word, block in zip(["Conv2d", "Bert", "Llama", "Molecules"], examples, strict=True)] == [
        True
    ] * 4
    for example in examples:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of torch_geometric, at import
            exec(example.replace("\nzcbench.score(", "\nscores = zcbench.score("), names)
        scores = names["scores"]
        assert all(score.value is not None for score in scores.values()), scores
        assert "Llama" not in example or not any(score.detail for score in scores.values()), "the fast path"


def test_the_signal_of_the_guide_keeps_its_contract(tmp_path):
    (example,) = [block for block in blocks(ROOT / "docs" / "how-to" / "signal.md") if "register_signal" in block]
    (tmp_path / "mine.py").write_text(example)
    with registry_as_it_was():
        import_file(tmp_path / "mine.py")
        for report in (check_signal("saturation"), check_proxy("saturation")):
            assert report.ok, str(report)
