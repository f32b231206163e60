"""NAS-Bench-Macro from its JSON."""

import json

import pytest

import zcbench

pytestmark = pytest.mark.usefixtures("nothing_kept")


def test_nas_bench_macro_from_its_json(tmp_path):
    entry = {"test_acc": [90.0, 91.0, 92.0], "mean_acc": 91.0, "std": 0.8, "params": 890_666, "flops": 47_327_744}
    more = {f"2222{i:04}": {**entry, "test_acc": [i + 1, i + 2, i + 3]} for i in (0, 1, 2, 10, 11, 12, 20, 21, 22)}
    (tmp_path / "m.json").write_text(json.dumps({"02012100": entry, **more}))
    table = zcbench.get_benchmark("nasbenchmacro", tmp_path / "m.json")
    assert table.values["test_accuracy"].tolist()[:2] == [[90, 91, 92], [1, 2, 3]]
    assert table.noise_ceiling().value == pytest.approx(1)
    assert table.facts["params_M"][0] == 0.890666
