"""Weights from a file: bins, tails, times between knots, evidence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from zcbench.curves import _weights
from zcbench.curves._network import CurveNetwork, Shape
from zcbench.curves._weights import Loaded, load
from zcbench.curves.priors import PRIORS
from zcbench.errors import InvalidInputError

SMALL = Shape(width=16, layers=2, heads=2, bins=64)
RANGE = (-0.25, 1.25)


def loaded() -> Loaded:
    """A network with weights that are not zero anywhere."""
    torch.manual_seed(0)
    network = CurveNetwork(SMALL)
    for value in network.parameters():
        torch.nn.init.normal_(value, std=0.2)
    return Loaded(network.eval(), {})


CURVES = [np.array([0.3, 0.5, 0.55, 0.6]), np.array([0.2]), np.empty(0)]
TIMES = [np.arange(1.0, 5), np.array([3.0]), np.empty(0)]
ENDS = np.array([100.0, 50.0, 20.0])
ASKED = np.array([[5.0, 50.0], [4.0, 50.0], [1.0, 20.0]])


def test_bins_hold_all_of_the_probability_and_little_of_it_far_away() -> None:
    edges, probabilities = loaded().forecast(TIMES, CURVES, ENDS, 0, ASKED, RANGE)
    tails = len(_weights._FAR)
    assert edges.shape == (3, 1, SMALL.bins + 2 * tails + 1)
    assert probabilities.shape == (3, 2, SMALL.bins + 2 * tails)
    assert (np.diff(edges) >= 0).all()
    # float32 sums of 74 numbers
    assert probabilities.sum(-1) == pytest.approx(np.ones((3, 2)), abs=1e-5)
    outside = probabilities[..., :tails].sum(-1) + probabilities[..., -tails:].sum(-1)
    assert outside == pytest.approx(np.full((3, 2), 1e-3), rel=1e-2)
    assert edges[:, 0, tails] == pytest.approx(RANGE[0])
    assert edges[:, 0, -tails - 1] == pytest.approx(RANGE[1])


def test_evidence_is_the_sum_of_one_step_forecasts() -> None:
    given = loaded()
    found = given.evidence(TIMES, CURVES, ENDS, 1)
    total = 0.0
    for seen in range(4):
        network, values = given.network, torch.tensor(CURVES[0][: seen + 1], dtype=torch.float32)[None]
        times = torch.arange(1.0, seen + 2)[None]
        with torch.no_grad():
            cost = network(
                times, values, torch.tensor([100.0]), torch.tensor([1]), torch.tensor([seen]), torch.tensor([[seen]])
            )
        total -= float(cost)
    assert found[0] == pytest.approx(total, abs=1e-3)
    assert found[2] == 0


def test_nothing_was_seen_of_any_curve() -> None:
    given = loaded()
    assert given.evidence([np.empty(0)], [np.empty(0)], np.array([20.0]), 0).tolist() == [0.0]
    _, probabilities = given.forecast([np.empty(0)], [np.empty(0)], np.array([20.0]), 0, np.array([[1.0]]), RANGE)
    assert np.isfinite(probabilities).all()


@pytest.mark.parametrize("count", [1, 5, 16, 17, 99, 5_000])
def test_knots_begin_and_end_with_what_is_asked_for(count: int) -> None:
    knots = _weights._knots(count).tolist()
    assert knots == sorted(set(knots))
    assert knots[0] == 0
    assert knots[-1] == count - 1
    assert len(knots) <= max(_weights._KNOTS, min(count, _weights._KNOTS))


def test_between_knots_logits_are_linear_in_the_logarithm_of_the_distance() -> None:
    distance = torch.log(torch.arange(1.0, 11))[None]
    line = torch.stack([2 * distance[0], -distance[0]], -1)[None]
    found = _weights._shares(distance, torch.tensor([0, 3, 9])) @ line[:, [0, 3, 9]]
    assert found.numpy() == pytest.approx(line.numpy(), abs=1e-5)


def test_a_time_may_be_asked_for_more_than_once() -> None:
    asked = np.concatenate([np.full(40, 4.5), np.arange(5.0, 60)])[None]
    _, found = loaded().forecast(TIMES[:1], CURVES[:1], ENDS[:1], 0, asked, RANGE)
    assert np.isfinite(found).all()
    assert found[0, :40] == pytest.approx(np.broadcast_to(found[0, 0], (40, found.shape[-1])), abs=1e-5)


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    tensors = dict(loaded().network.named_parameters())
    about = json.dumps({"shape": {**SMALL.__dict__}, "priors": list(PRIORS)})
    save_file({name: value.detach().contiguous() for name, value in tensors.items()}, path, {"about": about})
    assert load(path).network.shape == SMALL
    for odd in (json.dumps({"shape": {"width": 32}}), json.dumps({"shape": {"colour": 1}}), "[]", "no JSON"):
        save_file({name: value.detach().contiguous() for name, value in tensors.items()}, path, {"about": odd})
        with pytest.raises(InvalidInputError, match="not contain weights of a curve network"):
            load(path)
    with pytest.raises(InvalidInputError, match="not contain weights of a curve network"):
        load(tmp_path / "nothing.safetensors")


def test_weights_that_cannot_forecast_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    tensors = {name: value.detach().contiguous() for name, value in loaded().network.named_parameters()}
    good = {"shape": {**SMALL.__dict__}, "priors": list(PRIORS)}

    def refused(match: str, changed: dict[str, torch.Tensor] | None = None, **about: object) -> None:
        save_file({**tensors, **(changed or {})}, path, {"about": json.dumps({**good, **about})})
        with pytest.raises(InvalidInputError, match=match):
            load(path)

    name = next(iter(tensors))
    refused("not finite", {name: tensors[name] * torch.nan})
    refused("has the shape", {name: tensors[name][:1].clone()})
    refused("it has an unknown tensor extra", {"extra": torch.zeros(2)})
    refused("an unknown tensor", shape={**SMALL.__dict__, "layers": 1})
    refused("other priors", priors=["paper", "extended"])
    for odd in ({"width": 10**12}, {"width": 17}, {"layers": 0}, {"layers": True}, {"bins": "64"}):
        refused("not contain weights of a curve network", shape={**SMALL.__dict__, **odd})
