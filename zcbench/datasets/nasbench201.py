"""NAS-Bench-201: accuracies of all 15,625 cells on three data sets, from any available source.

Source: X. Dong, Y. Yang, ICLR 2020, arXiv:2001.00326, and X. Dong et al., NATS-Bench, TPAMI 2021, arXiv:2009.00437.
Accuracies are percentages. "test" of cifar10 is the official test set after training on all of train + valid; "valid"
of cifar10 is the validation half after training on the other half ("cifar10-valid" in the official files).
"""

from __future__ import annotations

from pathlib import Path

from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._nasbench201_files import read_official, target_of
from zcbench.datasets._read import explained, read_parquet, single
from zcbench.datasets._table import Table, columns
from zcbench.datasets._values import column

CLASSES = {"cifar10": 10, "cifar10-valid": 10, "cifar100": 100, "ImageNet16-120": 120}
#: ImageNet16-120 is not available: CIFAR-100 at its resolution replaces it
BATCHES = {"cifar10-valid": "cifar10", "ImageNet16-120": "cifar100@16"}
#: columns of the parquet table in ZCBENCH_DATA, by target
_PARQUET = {
    "cifar10_test_accuracy_200ep": "cifar10_test_acc_200ep",
    "cifar100_test_accuracy_200ep": "cifar100_test_acc_200ep",
    "ImageNet16-120_test_accuracy_200ep": "ImageNet16-120_test_acc_200ep",
    "cifar10_valid_accuracy_200ep": "cifar10_valid_acc_200ep",
    "cifar10-valid_test_accuracy_200ep": "cifar10_validtrained_test_acc_200ep",
    "cifar10_valid_accuracy_12ep": "cifar10_valid_acc_12ep",
    "cifar10_test_accuracy_12ep": "cifar10_test_acc_12ep",
    "cifar100_valid_accuracy_12ep": "cifar100_valid_acc_12ep",
    "cifar100_test_accuracy_12ep": "cifar100_test_acc_12ep",
    "ImageNet16-120_valid_accuracy_12ep": "ImageNet16-120_valid_acc_12ep",
    "ImageNet16-120_test_accuracy_12ep": "ImageNet16-120_test_acc_12ep",
    "cifar10_test_accuracy_200ep_nats": "cifar10_test_acc_200ep_nats",
    "cifar100_test_accuracy_200ep_nats": "cifar100_test_acc_200ep_nats",
    "ImageNet16-120_test_accuracy_200ep_nats": "ImageNet16-120_test_acc_200ep_nats",
}


def convert(folder: Path) -> Table:
    """Read the columns in ``ZCBENCH_DATA``: averages over seeds by API v1.1 and (``_nats``) NATS-Bench."""
    path = folder / "nasbench201" / "nb201_accuracies.parquet"
    frame = read_parquet(path, ["arch_str", *_PARQUET.values(), "cifar10_params_M", "cifar10_cost_12ep_s"])
    with explained(path):
        facts = {
            "params_M": column(frame["cifar10_params_M"], "cifar10_params_M"),
            "train_seconds_12ep": column(frame["cifar10_cost_12ep_s"], "cifar10_cost_12ep_s"),
        }
    flops = folder / "nasbench201" / "nb201_ncp_flops_params.parquet"
    if flops.is_file():
        more = read_parquet(flops, ["arch_str", "flops_M"])
        with explained(flops):
            by_cell = dict(zip(more["arch_str"], more["flops_M"], strict=True))
            facts["flops_M"] = column([by_cell.get(text) for text in frame["arch_str"]], "flops_M")
    with explained(path):
        return Table(
            frame["arch_str"],
            tuple(target_of(name) for name in _PARQUET),
            columns({name: frame[source] for name, source in _PARQUET.items()}),
            facts=facts,
            source=f"{path} (averages over seeds, API v1.1; columns *_nats: NATS-Bench)",
        )


register_benchmark(
    BenchmarkInfo(
        name="nasbench201",
        space="nasbench201",
        summary="cells on CIFAR-10, CIFAR-100 and ImageNet16-120, 12 and 200 epochs",
        rows=15_625,
        targets=28,
        licence="MIT",
        reference="Dong and Yang, ICLR 2020, arXiv:2001.00326; NATS-Bench, arXiv:2009.00437",
        classes=CLASSES,
        batches=BATCHES,
        read=single(read_official),
        convert=convert,
        by_hand=(
            "download NATS-tss-v1_0-3ffb9-simple.tar from drive.google.com/file/d/17_saCsj_krKjlCBLOJEpNtzPXArMCqxU, or"
            " NAS-Bench-201-v1_1-096897.pth, 4.7 GB, from"
            " drive.google.com/open?id=16Y0UwGisiouVRxW-W5hEtbxmcHw_0hF_"
        ),
    ),
)
