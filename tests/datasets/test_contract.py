"""What holds of every benchmark, whatever its file says."""

import zcbench
from zcbench.batches import load_batch
from zcbench.spaces import get_space

TEXT = ("flexibert", "nasbenchnlp", "chars-rnn", "chars-bert")


def test_benchmarks_see_batches_that_fit_their_networks(data_folder):
    for name in zcbench.list_benchmarks():
        info = zcbench.datasets.benchmark_info(name)
        space = get_space(info.space)
        if not space.domains:
            assert not info.classes
            continue
        for dataset, classes in info.classes.items():
            batch = load_batch(info.batches.get(dataset, dataset), 4)
            assert int(batch.targets.max()) < classes, (name, dataset)
            assert batch.inputs.ndim == (2 if name in TEXT or info.space in TEXT else 4)
