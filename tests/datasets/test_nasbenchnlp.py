"""NAS-Bench-NLP from its zip."""

import json
import zipfile

import pytest

import zcbench

pytestmark = pytest.mark.usefixtures("nothing_kept")


def test_nas_bench_nlp_from_its_zip(tmp_path):
    recipe = {"a": {"op": "linear", "input": ["x", "h_prev_0"]}, "h_new_0": {"op": "activation_tanh", "input": ["a"]}}
    renamed = {"b": {"op": "linear", "input": ["h_prev_0", "x"]}, "h_new_0": {"op": "activation_tanh", "input": ["b"]}}
    log = {"num_params": 1e6, "wall_times": [10.0] * 3, "val_losses": [5.0, 4.0, 4.5], "test_losses": [5.1, 4.1, 4.4]}
    runs = [
        {**log, "recepie": json.dumps(recipe), "status": "OK"},
        {**log, "recepie": json.dumps(renamed), "status": "OK", "val_losses": [3.0], "test_losses": [3.5]},
        {**log, "recepie": json.dumps(recipe), "status": "loss is nan!"},
    ]
    with zipfile.ZipFile(tmp_path / "logs.zip", "w") as archive:
        for i, run in enumerate(runs):
            archive.writestr(f"logs/{i}.json", json.dumps(run))
    table = zcbench.get_benchmark("nasbenchnlp", tmp_path / "logs.zip")
    assert table.values["test_nll"].tolist() == [[4.1, 3.5]]  # at the best validation loss; one network, two trainings
    assert table.curves["valid_nll"].shape == (1, 1, 50)
    assert table.facts["train_seconds"].tolist() == [30]
