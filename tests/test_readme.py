"""Examples of the documentation that need a table, a size or a check that ``tests/test_docs.py`` does not give them."""

import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toys import registry_as_it_was

import zcbench
from zcbench._imports import import_file
from zcbench.cli import main
from zcbench.testing import check_curve_predictor

ROOT = Path(__file__).parents[1]
TABLE, MODELS, HUGGING_FACE = (
    ROOT / "docs" / page for page in ("tutorials/own-table.md", "tutorials/own-models.md", "how-to/hugging-face.md")
)


def blocks(path):
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.S)


def test_fifty_rows_of_ones_own_rank_ten_thousand_candidates(tmp_path, monkeypatch, capsys):
    (example,) = [block for block in blocks(TABLE) if "own_benchmark" in block and "random" in block]
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
    (line,) = re.findall(r"^zcbench (score timm:.*)$", MODELS.read_text(encoding="utf-8"), re.M)
    assert main([*line.split(), "--batch-size", "2", "--proxies", "params,naswot"]) == 0
    assert re.search(r"^params +5435488 .*\bok\b", capsys.readouterr().out, re.M)


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


def test_the_curve_predictor_of_the_docs_passes_its_contract(tmp_path):
    (tmp_path / "mine.py").write_text(blocks(ROOT / "docs" / "curves.md")[1])
    with registry_as_it_was():
        import_file(tmp_path / "mine.py")
        report = check_curve_predictor("plateau")
    assert report.ok, str(report)


def test_a_decoder_takes_the_fast_path():
    """No score of the LLaMA that the guide shows says that samples were run one by one."""
    names: dict[str, Any] = {"torch": torch, "zcbench": zcbench, "words": torch.randint(1000, (16, 64))}
    (example,) = [block for block in blocks(HUGGING_FACE) if "LlamaConfig" in block]
    exec(example, names)
    assert all(score.value is not None and not score.detail for score in names["scores"].values())
