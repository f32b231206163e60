"""FlexiBERT from its JSON."""

import json

import pytest

import zcbench

pytestmark = pytest.mark.usefixtures("nothing_kept")


def test_flexibert_from_its_json(tmp_path):
    layer = {"operation_type": "SA", "operation_parameter": "WMA", "num_operation_heads": 4}
    layer |= {"feed_forward_dimension": 1024, "num_feed_forward": 3}
    fourier = {**layer, "operation_type": "LT", "operation_parameter": "DFT"}
    tasks = ("cola", "mnli", "mrpc", "qnli", "qqp", "rte", "sst", "sts", "glue")
    entries = [
        {
            "completed": done,
            "time_to_train": 10.0,
            "scores": dict.fromkeys(tasks, score),
            "hparams": {
                "model_hparam_overrides": {"hidden_size": 256, "nas_config": {"encoder_layers": [layer, fourier]}}
            },
        }
        for done, score in ((True, 70.0), (False, 1.0), (True, 71.0))
    ]
    (tmp_path / "BERT.json").write_text(json.dumps(entries))
    table = zcbench.get_benchmark("flexibert", tmp_path / "BERT.json")
    assert [a.key for a in table.architectures] == ["256|SA-WMA-4-1024x3|LT-DFT-2-1024x3"]
    assert table.values["glue"].tolist() == [[70, 71]]
