"""The embedded table of digits-201."""

import numpy as np

import zcbench


def test_the_embedded_table_is_whole():
    table = zcbench.get_benchmark("digits-201")
    assert len(table) == 4930
    assert len({table.space.functional_key(a) for a in table.architectures}) == len(table)
    for name, target in table.targets.items():
        curve = table.curves[name]
        assert table.seeds[name] == (0, 1, 2)
        assert curve.shape == (len(table), 3, 12)
        assert np.isfinite(curve).all()
        np.testing.assert_array_equal(curve[:, :, -1], table.values[name])
        if target.higher_is_better:
            assert 0 <= curve.min() <= curve.max() <= 1
            images = 1000 if name.startswith("test") else 297
            np.testing.assert_allclose(curve * images, np.round(curve * images), atol=1e-6)
        else:
            assert curve.min() > 0
    assert (table.facts["train_seconds"] > 0).all()


def test_seeds_are_not_copies_and_networks_learn():
    table = zcbench.get_benchmark("digits-201")
    nll = table.curves["test_nll"]
    assert all((nll[:, a] != nll[:, b]).any(1).all() for a, b in ((0, 1), (0, 2), (1, 2)))
    assert (nll[:, :, -1] < nll[:, :, 0]).mean() > 0.99
    assert np.median(table.truth("test_accuracy")) > 0.8
    assert np.corrcoef(table.truth("test_nll"), table.truth("valid_nll"))[0, 1] > 0.95
