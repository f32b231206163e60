"""Columns that are probably results of the training that is predicted."""

import numpy as np
import pytest

from zcbench.encodings._suspects import suspicious_columns


def suspicious(target, *names):
    """Names that are suspicious for their names alone."""
    return set(suspicious_columns(target, [1.0, 2.0], {name: [2.0, 5.0] for name in names}))


@pytest.mark.parametrize(
    ("target", "results"),
    [
        ("val_top1", ["val_top5", "top1_err", "Top-5 Acc (%)", "train_loss", "rank_diff", "test"]),
        ("test_acc", ["test_loss", "val_accuracy", "acc_seed1", "cifar100_test_acc_200ep", "valid_perf", "F1"]),
        ("acc", ["acc_seed1", "acc_seed2", "mean_acc", "std", "acc5"]),
        ("glue", ["glue_cola", "glue_mnli"]),
        ("glue_mnli", ["glue", "glue_sst"]),
        ("mnli_acc", ["mnli", "sst_acc"]),
        ("loss", ["perplexity", "bits per word"]),
        ("edgegpu_latency", ["edgegpu_energy", "edgegpu_latency_2"]),
        ("top1", ["mIoU", "aAcc", "mAP"]),
        ("test_acc", ["train_time", "training_seconds", "best_epoch"]),
    ],
)
def test_names_of_the_same_kind(target, results):
    assert suspicious(target, *results) == set(results)


@pytest.mark.parametrize(
    ("target", "known"),
    [
        ("val_top1", ["params", "img_size", "crop_pct", "depth", "width", "batch_size", "lr", "dropout", "v05"]),
        ("test_acc", ["flops", "Number of Parameters", "naswot_score", "synflow", "cifar10_zen", "epochs", "step"]),
        ("GLUE Score", ["Jacobian Score", "Head Confidence", "num_layers", "hidden_size"]),
        ("class_object", ["class_object__zen", "class_scene__synflow", "room_layout"]),
        ("cifar10_test_acc_200ep", ["cifar10_cost_12ep_s", "cifar10_params_M"]),
        ("mmlu", ["layers", "hidden", "mamba_heads", "ffn"]),
        ("edgegpu_latency", ["raspi4_latency", "flops"]),
    ],
)
def test_names_of_other_kinds(target, known):
    assert suspicious(target, *known) == set()


def test_a_column_that_ranks_the_target_alone():
    truth = np.arange(12.0)
    nearly = truth.copy()
    nearly[[0, 1]] = nearly[[1, 0]]
    columns = {
        "speed": -np.exp(truth),
        "nearly": nearly,
        "loosely": np.roll(truth, 3),
        "flops": truth,  # a size is known before training
        "constant": np.ones(12),
        "gaps": np.where(truth < 9, truth, np.nan),  # nine rows are too few
    }
    found = suspicious_columns("quality", truth, columns)
    assert found == {
        "speed": "ranks 'quality' alone with tau -1.00",
        "nearly": "ranks 'quality' alone with tau 0.97",
    }


def test_numbers_of_rows():
    columns = {
        "arch_index": [4.0, 9.0],
        "recipe id": [1.0, 2.0],
        "kernel_id": [3.0, 3.0],
        "index_loss_weight": [1.0, 2.0],
    }
    found = suspicious_columns("quality", [1.0, 2.0], columns)
    assert found == {"arch_index": "is an identifier", "recipe id": "is an identifier"}


def test_reasons_name_the_target():
    found = suspicious_columns("val_top1", [1.0], {"val_top5": [2.0]})
    assert found == {"val_top5": "is a result of training, as 'val_top1' is"}
    assert suspicious_columns("glue", [1.0], {"glue_sst": [2.0]}) == {"glue_sst": "shares the stem 'glue' with 'glue'"}
