"""What the README prints works as printed."""

import random
import re
from pathlib import Path

import numpy as np

import zcbench

README = Path(__file__).parents[1] / "README.md"


def test_fifty_rows_of_ones_own_rank_ten_thousand_candidates(tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    (example,) = [block for block in blocks if "trained.csv" in block]
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
