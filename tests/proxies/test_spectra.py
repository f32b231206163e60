"""Spectra by Gram matrices against singular value decompositions in float64."""

import math

import numpy as np
import pytest
import torch

from zcbench.proxies import _spectra
from zcbench.proxies._spectra import eigenvalues, gram, largest_singular_values, nuclear_norms, stacked


def matrices():
    """Full rank, low rank, spectra that fall off slowly and fast, nothing, thin ones, huge and tiny numbers."""
    generator = torch.Generator().manual_seed(0)
    full = torch.randn(120, 90, generator=generator)
    u, _, v = torch.linalg.svd(full.double(), full_matrices=False)
    found = {"full": full, "zero": torch.zeros(40, 30), "row": full[:1], "column": full[:, :1], "number": full[:1, :1]}
    found |= {f"rank {k}": (full[:, :k] @ full[:k]) for k in (1, 3, 40)}
    found |= {"exact rank 2": ((u[:, :2] @ v[:2]).float() * 5)}
    for base in (0.99, 0.9, 0.5, 0.1):
        found[f"falling by {base}"] = (u * base ** torch.arange(90.0)) @ v
    found["one large, many small"] = (u * torch.tensor([1.0] + 89 * [1e-7])) @ v
    found |= {"orthogonal": u @ v, "huge": full * 1e30, "tiny": full * 1e-30, "of halves": full.half()}
    return found


@pytest.mark.parametrize("name", matrices())
def test_singular_values(name):
    matrix = matrices()[name]
    exact = np.linalg.svd(matrix.double().numpy(), compute_uv=False)
    (total,), (top,) = nuclear_norms([matrix]), largest_singular_values([matrix])
    assert total == pytest.approx(exact.sum(), rel=1e-6, abs=0)
    assert top == pytest.approx(exact[0], rel=1e-12, abs=0)


def test_a_sum_of_what_squaring_loses_is_decomposed(monkeypatch):
    """So are matrices in float64, whose digits a Gram matrix would lose."""
    calls, decompose = [], torch.linalg.svdvals
    monkeypatch.setattr(torch.linalg, "svdvals", lambda m: calls.append(m.shape) or decompose(m))
    many_small, full = torch.diag(torch.tensor([1.0] + 299 * [1e-8])), matrices()["full"]
    assert nuclear_norms([full, many_small])[1] == pytest.approx(1 + 299e-8, rel=1e-8)
    assert calls == [(1, 300, 300)]
    double = full.double() * math.pi
    assert nuclear_norms([full, double])[1] == pytest.approx(np.linalg.norm(double.numpy(), "nuc"), rel=1e-13)
    assert calls[1:] == [(1, 120, 90)]


def test_matrices_of_all_shapes_together(monkeypatch):
    """Each has the values that it has alone, in its place, in any portions; what is not finite has none."""
    every = list(matrices().values())
    every.insert(3, torch.full((120, 90), math.nan))
    every.insert(5, torch.tensor([[math.inf, 1.0]]))
    alone = [nuclear_norms([one])[0] for one in every], [largest_singular_values([one])[0] for one in every]
    for together in (1, 20_000, 2**24):
        monkeypatch.setattr(_spectra, "_TOGETHER", together)
        for found, expected in zip((nuclear_norms(every), largest_singular_values(every)), alone, strict=True):
            assert found == pytest.approx(expected, rel=1e-12, abs=0, nan_ok=True)
    assert math.isnan(alone[0][3])
    assert math.isnan(alone[1][5])
    assert nuclear_norms([]) == largest_singular_values([]) == eigenvalues([]) == []


def test_stacked_and_gram():
    tensors = [torch.ones(2, 3), torch.ones(3), torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.float64)]
    assert [(places, several.shape) for places, several in stacked(tensors)] == [
        ([0, 2], (2, 2, 3)),
        ([1], (1, 3)),
        ([3], (1, 2, 3)),
    ]
    for shape in ((5, 9), (9, 5), (4, 5, 9)):
        rows = torch.randn(shape, dtype=torch.float64)
        assert gram(rows).shape[-2:] == (5, 5)
        squares = torch.linalg.svdvals(rows).square().sort().values
        assert torch.allclose(
            torch.stack(eigenvalues(list(gram(rows).reshape(-1, 5, 5)))).reshape(squares.shape), squares
        )
