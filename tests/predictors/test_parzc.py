"""ParZC: its random layers against normal distributions, its rows by name."""

import numpy as np
import torch
from torch.distributions import Normal, kl_divergence

import zcbench
from zcbench.predictors.parzc import BayesianLinear, Mixer
from zcbench.testing import easy_table


def test_the_divergence_is_that_of_normals():
    torch.manual_seed(0)
    layer = BayesianLinear(4, 3)
    layer.log_deviation.data += torch.randn(3, 4)
    wanted = kl_divergence(Normal(layer.mean, layer.log_deviation.exp()), Normal(0.0, layer.prior)).sum()
    assert torch.allclose(layer.divergence(), wanted)
    mixer = Mixer(3, 2, 4, 1)
    layers = [module for module in mixer.modules() if isinstance(module, BayesianLinear)]
    assert torch.allclose(mixer.divergence(), sum(layer.divergence() for layer in layers))


def test_drawn_outputs_have_the_moments_of_drawn_weights():
    torch.manual_seed(0)
    layer = BayesianLinear(4, 2)
    layer.log_deviation.data.fill_(-1.0)
    x = torch.randn(1, 4)
    outputs = layer(x.expand(20000, 4))
    weights = layer.mean + layer.log_deviation.exp() * torch.randn(20000, 2, 4)
    wanted = weights @ x[0] + layer.bias
    assert torch.allclose(outputs.mean(0), wanted.mean(0), atol=0.03)
    assert torch.allclose(outputs.std(0), wanted.std(0), rtol=0.05)


def test_fixed_weights_serve_all_inputs():
    torch.manual_seed(0)
    layer = BayesianLinear(4, 2)
    layer.fix()
    x = torch.randn(5, 4)
    assert torch.allclose(layer(x), torch.stack([layer(row[None])[0] for row in x]), atol=1e-6)
    first = layer(x)
    layer.fix()
    assert not torch.allclose(first, layer(x))


def test_layers_are_found_by_name_and_missing_ones_are_flagged():
    table = easy_table()
    predictor = zcbench.get_predictor("parzc:epochs=2").fit(table.known[:8], table.targets[:8])
    rows = predictor._rows(list(table.known[:8]))
    statistics = zcbench.get_encoding("layers").rows(table.known[:8])
    for i, row in enumerate(statistics):
        places = [predictor.place_[name] for name in row.names]
        assert rows[i, :, -1].sum() == len(row.names)
        assert np.allclose(rows[i, places, :-1], (row.values - predictor.mean_) / predictor.deviation_, atol=1e-5)
        others = [j for j in range(rows.shape[1]) if j not in places]
        assert not rows[i, others].any()
