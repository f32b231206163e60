"""GENNAPE's parts against loops and textbook formulas, and the way from one space to another."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from toys import registry_as_it_was

import zcbench
from zcbench.encodings import get_encoding
from zcbench.predictors.gennape import (
    EIGENVALUES,
    Encoder,
    FuzzyCMeans,
    Heads,
    NormalScores,
    contrastive_loss,
    pack,
    spectrum,
    wanted_similarities,
)

SPACE = zcbench.get_space("digits-201")


def drawn(n, space=SPACE, seed=0):
    random = np.random.default_rng(seed)
    return [space.sample(random) for _ in range(n)]


def test_the_spectrum_is_that_of_the_laplacian():
    graph = get_encoding("computation").rows(drawn(1))[0]
    n = len(graph.atoms)
    laplacian = np.zeros((n, n))
    neighbours = {i: set() for i in range(n)}
    for a, b in graph.edges.T.tolist():
        neighbours[a].add(b)
        neighbours[b].add(a)
    for i in range(n):
        for j in range(n):
            if i == j and neighbours[i]:
                laplacian[i, j] = 1
            elif j in neighbours[i]:
                laplacian[i, j] = -1 / np.sqrt(len(neighbours[i]) * len(neighbours[j]))
    wanted = np.sort(np.linalg.eigvals(laplacian).real)
    assert np.allclose(spectrum(graph)[: min(n, EIGENVALUES)], wanted[:EIGENVALUES], atol=1e-8)
    assert spectrum(graph).shape == (EIGENVALUES,)
    assert spectrum(graph)[0] == pytest.approx(0, abs=1e-9)


def test_the_contrastive_loss_by_loops():
    torch.manual_seed(0)
    codes = torch.randn(5, 3)
    wanted = torch.from_numpy(wanted_similarities(np.random.default_rng(0).normal(size=(5, 4)), np.arange(5.0))).float()
    assert torch.allclose(wanted.sum(1), torch.ones(5))
    assert not wanted.diagonal().any()
    total = 0.0
    for i in range(5):
        cosines = {j: float(torch.cosine_similarity(codes[i], codes[j], dim=0)) / 0.1 for j in range(5) if j != i}
        normaliser = np.log(sum(np.exp(value) for value in cosines.values()))
        total -= sum(float(wanted[i, j]) * (value - normaliser) for j, value in cosines.items())
    assert float(contrastive_loss(codes, wanted)) == pytest.approx(total / 5, rel=1e-4)


def test_like_graphs_are_wanted_alike():
    spectra = np.array([[0.0, 1.0], [0.0, 1.1], [0.0, 2.0]])
    wanted = wanted_similarities(spectra, np.array([6.0, 6.0, 8.0]))
    assert wanted[0, 1] > wanted[0, 2]
    assert wanted[2, 1] > wanted[2, 0]


def test_graphs_side_by_side_are_graphs_alone():
    torch.manual_seed(0)
    encoder = Encoder(8, 2).eval()
    graphs = get_encoding("computation").rows(drawn(4))
    with torch.no_grad():
        together = encoder(pack(graphs))
        alone = torch.cat([encoder(pack([graph])) for graph in graphs])
    assert torch.allclose(together, alone, atol=1e-5)
    assert together.shape == (4, 16)


def test_fuzzy_memberships():
    random = np.random.default_rng(0)
    points = np.concatenate([random.normal(0, 0.1, (20, 2)), random.normal(3, 0.1, (20, 2))])
    fuzzy = FuzzyCMeans(points, 2, seed=1)
    degrees = fuzzy.membership(points)
    assert np.allclose(degrees.sum(1), 1)
    for i in (0, 25):
        distance = np.linalg.norm(points[i] - fuzzy.centres, axis=1)
        wanted = [1 / sum((distance[c] / distance[j]) ** 2 for j in range(2)) for c in range(2)]
        assert degrees[i] == pytest.approx(wanted)
    assert (degrees.argmax(1)[:20] == degrees.argmax(1)[0]).all()
    assert degrees.argmax(1)[0] != degrees.argmax(1)[-1]
    weights = degrees**2
    assert np.allclose(fuzzy.centres, weights.T @ points / weights.sum(0)[:, None], atol=1e-5)
    assert FuzzyCMeans(points[:1], 5).membership(points[:1]).tolist() == [[1.0]]


@torch.no_grad()
def test_heads_are_weighted_by_membership():
    torch.manual_seed(0)
    heads = Heads(4, 8, 3, blind=2).eval()
    x, degrees = torch.randn(5, 4), torch.rand(5, 3)
    wanted = [
        sum(float(d) * float(head(row)) for d, head in zip(u, heads.heads, strict=True))
        for row, u in zip(x, degrees, strict=True)
    ]
    assert torch.allclose(heads(x, degrees), torch.tensor(wanted), atol=1e-5)
    other = x.clone()
    other[:, 2:] = 7.0
    assert torch.allclose(heads(x, degrees), heads(other, degrees))  # blind at first


def test_normal_scores_do_not_run_away():
    scores = NormalScores(np.array([[1.0, 5.0], [2.0, 5.0], [4.0, 5.0]]))
    found = scores(np.array([[2.0, 9.0], [100.0, 5.0], [1e9, 5.0], [-1.0, 5.0]]))
    assert found[:, 1].tolist() == [0, 0, 0, 0]
    assert found[0, 0] == pytest.approx(0)
    assert found[1, 0] == found[2, 0] == -found[3, 0]
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", ["gennape:epochs=40", "random_forest:encoding=atoms"])
def test_from_one_space_to_another(name):
    """Ranks by depth in one space; the other's networks are told apart by what their graphs have in common."""
    other = zcbench.get_space("nasbenchmacro")
    known, unseen = drawn(60), drawn(40, other, 1)
    wide = [get_encoding("atoms").rows([a])[0][5] for a in [*known, *unseen]]  # wide kernels
    predictor = zcbench.get_predictor(name).fit_across(known, wide[:60])
    zero = spearmanr(predictor.predict(unseen), wide[60:]).statistic
    assert zero > 0.2
    shallow = [-value for value in wide]  # the other benchmark ranks the other way round: it must be learned
    tuned = zcbench.get_predictor(name).fit_across(known, wide[:60], unseen[:20], shallow[60:80])
    rest = unseen[20:]
    after = spearmanr(tuned.predict(rest), shallow[80:]).statistic
    assert after > spearmanr(predictor.predict(rest), shallow[80:]).statistic + 0.2


def test_members_cross_in_their_own_way():
    other = zcbench.get_space("nasbenchmacro")
    known, unseen = drawn(30), drawn(10, other, 1)
    targets = np.arange(30.0)
    label = "gennape:epochs=5:contrastive=2"
    both = zcbench.get_predictor(f"mean:members=({label}+random_forest:encoding=atoms)").fit_across(known, targets)
    alone = [zcbench.get_predictor(n).fit_across(known, targets) for n in (label, "random_forest:encoding=atoms")]
    assert both.members_[0].crossing_
    assert np.allclose(both.predict(unseen), np.mean([p.predict(unseen) for p in alone], axis=0))


def test_a_constant_source_teaches_nothing():
    known, unseen = drawn(8), drawn(5, seed=1)
    predictor = zcbench.get_predictor("gennape").fit_across(known, np.ones(8), unseen[:3], [1.0, 2.0, 3.0])
    assert predictor.predict(unseen).tolist() == [0.0] * 5


def test_hugging_face_models_that_were_built_from_a_configuration():
    """Whatever can be built can be predicted: a space of one's own, its networks from another library."""
    transformers = pytest.importorskip("transformers")
    from zcbench.spaces import FactorySpace

    def build(name):
        layers, width = map(int, name.split("x"))
        config = transformers.ViTConfig(
            num_hidden_layers=layers,
            hidden_size=width,
            intermediate_size=2 * width,
            num_attention_heads=4,
            image_size=32,
            patch_size=8,
        )
        return transformers.ViTForImageClassification(config)

    with registry_as_it_was():
        space = FactorySpace("t-vits", build, ("transformer",), (3, 32, 32))
        zcbench.register_space(space)
        models = [space.parse(name) for name in ("1x16", "2x32", "4x64", "6x96")]
        known = drawn(40)
        size = [np.log(graph.flops) for graph in get_encoding("computation").rows(known)]
        flops = [graph.flops for graph in get_encoding("computation").rows(models)]
        assert flops == sorted(flops)
        predictor = zcbench.get_predictor("gennape:epochs=40").fit_across(known, size)
        assert np.isfinite(predictor.predict(models)).all()
        tuned = zcbench.get_predictor("gennape:epochs=40").fit_across(known, size, models[:3], [1.0, 2.0, 3.0])
        assert tuned.predict(models[:3]).argmax() == 2
