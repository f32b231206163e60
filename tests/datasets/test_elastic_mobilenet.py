"""The embedded table of the subnets of elastic-mobilenet."""

import numpy as np

import zcbench


def test_the_embedded_table_is_whole():
    table = zcbench.get_benchmark("elastic-mobilenet")
    assert len(table) == 1_296
    assert {one.key for one in table.architectures} == {one.key for one in table.space}
    for name, target in table.targets.items():
        curve = table.curves[name]
        assert table.seeds[name] == (0, 1, 2, 3)
        assert curve.shape == (len(table), 4, 20)
        assert np.isfinite(curve).all()
        np.testing.assert_array_equal(curve[:, :, -1], table.values[name])
        if target.higher_is_better:
            images = 1000 if name.startswith("test") else 297
            np.testing.assert_allclose(curve * images, np.round(curve * images), atol=1e-6)
    assert (table.facts["train_seconds"] > 0).all()


def test_seeds_are_not_copies_and_networks_learn():
    table = zcbench.get_benchmark("elastic-mobilenet")
    nll = table.curves["test_nll"]
    assert all((nll[:, a] != nll[:, b]).any(1).all() for a in range(4) for b in range(a))
    assert (nll[:, :, -1] < nll[:, :, 0]).mean() > 0.99
    assert np.median(table.truth("test_accuracy")) > 0.8
    assert np.corrcoef(table.truth("test_nll"), table.truth("valid_nll"))[0, 1] > 0.9
