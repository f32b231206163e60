"""The instrument: right signals on odd networks, computed once, nothing left behind."""

import random
import time

import numpy as np
import pytest
import torch
from as_found import same, state
from networks import Dead, Tied, Twice, convnet, images, mlp, zoo
from torch import nn
from torch.nn import functional as F

import zcbench
import zcbench.probe._probe
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.probe import Probe, default_loss
from zcbench.probe._probe import signal
from zcbench.types import Batch


def naive_gradients(model: nn.Module, inputs, labels) -> dict[str, torch.Tensor]:
    """Gradients as a beginner would take them: train mode (no dropout here), backward, read .grad."""
    model.train()
    output = model(**inputs) if isinstance(inputs, dict) else model(inputs)
    F.cross_entropy(output, labels).backward()
    return {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("name", ["convnet", "in-place", "no running statistics", "module twice", "dead", "mlp"])
def test_gradients(name):
    model, inputs, labels = zoo()[name]
    with Probe(model, Batch(inputs, labels)) as probe:
        found = dict(probe.gradients)
    expected = naive_gradients(model, inputs, labels)
    assert found.keys() == expected.keys()
    for key, gradient in expected.items():
        torch.testing.assert_close(found[key], gradient)


def test_gradients_leave_frozen_parameters_out():
    model, inputs, labels = zoo()["frozen stem"]
    with Probe(model, Batch(inputs, labels)) as probe:
        assert "0.weight" not in probe.gradients
        assert "3.weight" in probe.gradients


def test_input_gradients():
    model, (inputs, _) = convnet(), images()
    with Probe(model, Batch(inputs)) as probe:
        found = probe.input_gradients
    x = inputs.clone().requires_grad_()
    model(x).sum().backward()
    torch.testing.assert_close(found, x.grad.flatten(1))
    assert inputs.grad is None
    assert not inputs.requires_grad


def test_input_gradients_of_integers_need_an_embedding():
    class OneHot(nn.Module):
        def forward(self, x):
            return nn.functional.one_hot(x, 5).float().sum(1)

    with Probe(OneHot(), Batch(torch.ones(2, 3, dtype=torch.long))) as probe:
        with pytest.raises(UnsupportedModelError, match="integers"):
            _ = probe.input_gradients


def test_several_inputs_by_position_and_by_name():
    class Add(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, a, b):
            return self.layer(a + 2 * b)

    a, b = torch.randn(3, 2), torch.randn(3, 2)
    model = Add()
    with Probe(model, Batch((a, b))) as probe, Probe(model, Batch({"b": b, "a": a})) as named:
        assert torch.equal(probe.outputs, named.outputs)
        column_sums = model.layer.weight.sum(0)
        expected = torch.cat([column_sums, 2 * column_sums]).expand(3, 4)
        torch.testing.assert_close(probe.input_gradients, expected.detach())


# -- what ReLUs saw ----------------------------------------------------------------------------


def test_relu_codes_before_in_place_overwrites():
    inputs, labels = images()
    with Probe(convnet(), Batch(inputs, labels)) as a, Probe(convnet(inplace=True), Batch(inputs, labels)) as b:
        for plain, overwritten in zip(a.relu_codes, b.relu_codes, strict=True):
            assert torch.equal(plain, overwritten)
        assert 0.2 < a.relu_codes[0].float().mean() < 0.8


def test_relu_codes_count_every_application():
    model, (inputs, labels) = Twice(), images()
    with Probe(model, Batch(inputs, labels)) as probe:
        codes = probe.relu_codes
    assert len(codes) == 3
    x = model.stem(inputs)
    for code in codes:
        assert torch.equal(code, x.flatten(1) > 0)
        x = model.shared(x.clamp(min=0))


def test_relu_codes_of_functions_methods_and_relu6():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.six = nn.Linear(4, 4), nn.ReLU6()

        def forward(self, x):
            x = F.relu(self.layer(x))
            x = torch.relu_(self.layer(x))
            x = self.layer(x).relu()
            return self.six(self.layer(x))

    with Probe(Functional(), Batch(torch.randn(5, 4))) as probe:
        assert [tuple(code.shape) for code in probe.relu_codes] == [(5, 4)] * 4


def test_relu_codes_without_relu():
    with Probe(nn.Linear(3, 2), Batch(torch.randn(4, 3))) as probe:
        with pytest.raises(UnsupportedModelError, match="no ReLU"):
            _ = probe.relu_codes


# -- batch norm --------------------------------------------------------------------------------


def test_batch_norm_modes():
    model, (inputs, _) = convnet(), images()
    model(inputs * 3 + 1)  # running statistics that differ from the batch's
    model.eval()
    with Probe(model, Batch(inputs)) as probe:
        outputs = {}
        for mode in ("train", "eval", "per-sample", "off"):
            with probe.forward_pass(mode):
                outputs[mode] = probe.call(inputs).detach()
    torch.testing.assert_close(outputs["eval"], model(inputs))
    bare = nn.Sequential(*(m for m in model if not isinstance(m, nn.BatchNorm2d)))
    torch.testing.assert_close(outputs["off"], bare(inputs))
    model.train()
    torch.testing.assert_close(outputs["train"], model(inputs))
    torch.testing.assert_close(outputs["per-sample"], torch.cat([model(x[None]) for x in inputs]))


def test_running_statistics_stay():
    model, (inputs, labels) = convnet(), images()
    before = state(model)
    with Probe(model, Batch(inputs, labels)) as probe:
        _ = probe.gradients
        mean = model[1].running_mean.clone()  # also while the probe is open
    assert torch.equal(mean, torch.zeros(6))
    assert same(before, state(model))


def test_dropout_is_frozen():
    model = nn.Sequential(nn.Linear(4, 64), nn.Dropout(0.5))
    x = torch.randn(3, 4)
    with Probe(model, Batch(x)) as probe:
        torch.testing.assert_close(probe.outputs, model[0](x))
    assert model[1].training


# -- as found ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", zoo())
def test_network_as_found_after_all_signals(name):
    model, inputs, labels = zoo()[name]
    before, rng = state(model), torch.get_rng_state()
    with Probe(model, Batch(inputs, labels)) as probe:
        for key in ("gradients", "input_gradients", "relu_codes"):
            try:
                getattr(probe, key)
            except UnsupportedModelError:
                continue
        probe.each_sample_gradient(lambda name, gradients: None)
    assert same(before, state(model))
    assert torch.equal(rng, torch.get_rng_state())


# -- signals are those of what was given -----------------------------------------------------------


def halve(probe):
    with torch.no_grad():
        for parameter in probe.model.parameters():
            parameter.mul_(0.5)


def hook(probe):
    probe.model[0].register_forward_hook(lambda module, args, output: output * 2)


def zero_inputs(probe):
    probe.batch.inputs.zero_()


def other_seed(probe):
    probe.seed = 5


@pytest.mark.parametrize("change", [halve, hook, zero_inputs, other_seed])
@pytest.mark.parametrize("key", ["gradients", "input_gradients", "outputs"])
def test_signals_are_of_what_was_given(change, key):
    with Probe(convnet(), Batch(*images())) as probe:
        expected = getattr(probe, key)
    for early in (False, True):
        with Probe(convnet(), Batch(*images())) as probe:
            if early:
                _ = probe.outputs
            change(probe)
            before = state(probe.model)
            found = getattr(probe, key)
            assert same(before, state(probe.model))  # the proxy finds its changes again
            assert probe.put_back()
        assert same(expected, found) if key == "gradients" else torch.equal(expected, found)


def test_passes_of_ones_own_see_what_was_changed():
    inputs, labels = images()
    with Probe(convnet(), Batch(inputs, labels)) as probe:
        given = probe.outputs.detach()
        halve(probe)
        with probe.forward_pass("eval"), torch.no_grad():
            own = probe.call(inputs)
        with probe.forward_pass("eval"), torch.no_grad():
            assert torch.equal(own, probe.call(inputs))  # the weights stay exchanged from pass to pass
    assert not torch.allclose(own, given)


def test_own_signals_see_no_changes_and_the_same_random_numbers():
    values = []
    for change in (lambda probe: None, halve, lambda probe: torch.rand(3)):
        with Probe(convnet(), Batch(*images())) as probe:
            change(probe)
            values.append(
                probe.once("mine", lambda p=probe: p.model[0].weight.detach().sum().item() + torch.rand(1).item())
            )
    assert values[0] == values[1] == values[2]


def test_own_signals_of_different_modules_may_have_one_name():
    with Probe(convnet(), Batch(*images())) as probe:
        assert probe.once("gradients", lambda: 5) == probe.once("gradients", lambda: 6) == 5
        assert probe.once("flops", lambda: 7) == 7
        assert set(probe.gradients) == set(probe.parameters)
        assert zcbench.get_proxy("flops").function(probe) > 7


def test_signals_measured_before_a_change_are_measured_again_after_it():
    with Probe(convnet(), Batch(*images())) as probe:
        first = probe.gradients
        assert probe.put_back() == {}
        assert probe.gradients is first
        halve(probe)
        assert list(probe.put_back()) == ["weights"]
        assert probe.gradients is not first
        assert same(probe.gradients, first)
        assert probe.put_back() == {}


def test_weights_that_were_written_to_and_put_back_void_the_graph():
    with Probe(convnet(), Batch(*images())) as probe:
        expected = probe.outputs.detach().clone()
        with torch.no_grad():
            for parameter in probe.model.parameters():
                parameter.mul_(2).div_(2)
        assert probe.put_back() == {}
        assert torch.equal(probe.outputs, expected)
        assert all(gradient.isfinite().all() for gradient in probe.gradients.values())


class Restless(nn.Module):
    """Changes much while it runs: its input, attributes in place, and random numbers of all kinds."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 3)
        self.seen = []
        self.notes = {"calls": 0}
        self.mask = torch.ones(3)

    def forward(self, x):
        self.seen.append(x.shape)
        self.notes["calls"] += 1
        self.mask.mul_(0.5)
        if not x.requires_grad:
            x.add_(1)
        return self.layer(x) * self.mask + random.random() + np.random.rand() + torch.rand(1)


def test_what_a_network_changes_while_it_runs_is_put_back_after_every_pass():
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    given, model = x.clone(), Restless()
    with Probe(model, Batch(x)) as probe:
        found = []
        for _ in range(2):
            with probe.forward_pass(), torch.no_grad():
                found.append(probe.call(x).clone())
            assert torch.equal(x, given)
            assert (model.seen, model.notes, model.mask.tolist()) == ([], {"calls": 0}, [1, 1, 1])
            np.random.rand(), random.random()  # what others draw is nothing to the network
        assert torch.equal(*found)
        assert list(probe.put_back()) == ["global random states"]


def test_costs_of_checks_are_nobodys(monkeypatch):
    import zcbench.probe._snapshot as guard

    slow = guard.Given._tensors_untouched
    monkeypatch.setattr(guard.Given, "_tensors_untouched", lambda self, **how: [time.sleep(0.2), slow(self, **how)][1])
    with Probe(convnet(), Batch(*images())) as probe, probe.stopwatch() as seconds:
        _ = probe.outputs
    assert seconds() < 0.2


def test_network_as_found_after_a_network_that_raises():
    class Fails(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(4)

        def forward(self, x):
            self.norm(x)
            self.visited = True
            raise RuntimeError("no")

    model = Fails()
    before = state(model)
    with pytest.raises(RuntimeError), Probe(model, Batch(torch.randn(3, 4))) as probe:
        _ = probe.outputs
    assert same(before, state(model))


# -- bookkeeping -------------------------------------------------------------------------------


def test_signals_are_computed_once_and_errors_too(monkeypatch):
    calls = []
    monkeypatch.setattr(zcbench.probe._probe, "invoke", lambda model, inputs: calls.append(1) or model(inputs))
    inputs, labels = images()
    with Probe(convnet(), Batch(inputs, labels)) as probe:
        _ = probe.gradients, probe.input_gradients, probe.loss
        assert len(calls) == 1
    with Probe(nn.Linear(3, 2), Batch(torch.randn(4, 3))) as probe:
        for _ in range(2):
            with pytest.raises(UnsupportedModelError):
                _ = probe.relu_codes
        assert len(calls) == 2


class Costly(Probe):
    """Signals of known cost."""

    @signal
    def shared(self) -> int:
        time.sleep(0.05)
        return 1

    @signal
    def derived(self) -> int:
        time.sleep(0.03)
        return self.shared + 1


def test_cost_counts_shared_signals_in_full_for_everyone():
    seconds = []
    with Costly(mlp(), Batch(torch.randn(2, 4))) as probe:
        for _ in range(2):
            with probe.stopwatch() as elapsed:
                assert probe.derived + probe.shared == 3
            seconds.append(elapsed())
    for value in seconds:  # sleeps are lower bounds; the shared signal counts once, not twice
        assert value >= 0.08
    assert abs(seconds[0] - seconds[1]) < 0.04


def test_generator_depends_on_seed_and_name():
    def draw(seed: int, name: str) -> float:
        with Probe(mlp(), Batch(torch.randn(2, 4)), seed=seed) as probe:
            return float(torch.rand((), generator=probe.generator(name)))

    assert draw(0, "a") == draw(0, "a")
    assert len({draw(0, "a"), draw(1, "a"), draw(0, "b")}) == 3


# -- parts of the network ----------------------------------------------------------------------


def test_weights_are_matrices_of_layers():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn = nn.Embedding(5, 4), nn.LSTM(4, 3)
            self.norm, self.head = nn.LayerNorm(3), nn.Linear(3, 2)

        def forward(self, x):
            return self.head(self.norm(self.rnn(self.embed(x))[0]))

    with Probe(Mixed(), Batch(torch.zeros(2, 3, dtype=torch.long))) as probe:
        assert list(probe.weights) == ["rnn.weight_ih_l0", "rnn.weight_hh_l0", "head.weight"]


def test_weights_of_a_network_without_any():
    with Probe(nn.BatchNorm1d(3), Batch(torch.zeros(2, 3))) as probe:
        with pytest.raises(UnsupportedModelError, match="weight"):
            _ = probe.weights


def test_tied_parameters_appear_once():
    with Probe(Tied(), Batch({"tokens": torch.zeros(1, 2, dtype=torch.long)})) as probe:
        assert "embed.weight" in probe.parameters
        assert "decode.weight" not in probe.parameters


def test_dead_network_has_zero_gradients():
    model, (inputs, labels) = Dead(), images()
    with Probe(model, Batch(inputs, labels)) as probe:
        assert not probe.gradients["conv.weight"].any()
        assert probe.gradients["head.bias"].any()
        assert not probe.input_gradients.any()


# -- losses and inputs -------------------------------------------------------------------------


def test_default_loss_by_type_of_targets():
    model, x = nn.Linear(3, 2), torch.randn(5, 3)
    labels, real = torch.tensor([0, 1, 1, 0, -100]), torch.randn(5, 2)
    with Probe(model, Batch(x, labels)) as probe:
        torch.testing.assert_close(probe.loss, F.cross_entropy(model(x)[:4], labels[:4]))
    with Probe(model, Batch(x, real)) as probe:
        torch.testing.assert_close(probe.loss, ((model(x) - real) ** 2).mean())


def test_default_loss_with_classes_in_the_second_dimension():
    outputs, classes = torch.randn(2, 5, 3, 4), torch.randint(5, (2, 3, 4))
    torch.testing.assert_close(default_loss(outputs, classes), F.cross_entropy(outputs, classes))
    last = outputs.movedim(1, -1)
    torch.testing.assert_close(default_loss(last, classes), F.cross_entropy(outputs, classes))
    with pytest.raises(UnsupportedModelError, match="second dimension or the last"):
        default_loss(torch.randn(2, 5, 5, 5), torch.randint(5, (2, 5, 5)))


def test_default_loss_of_probabilities():
    outputs, soft = torch.randn(6, 5), torch.randn(6, 5).softmax(1)
    by_hand = -(soft * outputs.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(default_loss(outputs, soft), by_hand)
    for other in (soft + 0.01, soft - 0.2, soft * 2):
        torch.testing.assert_close(default_loss(outputs, other), ((outputs - other) ** 2).mean())


def test_gradients_of_sparse_embeddings_and_of_outputs_of_one_dimension():
    tokens, labels = torch.arange(24).reshape(8, 3), torch.arange(8) % 5
    torch.manual_seed(0)
    sparse = nn.Sequential(nn.Embedding(50, 4, sparse=True), nn.Flatten(), nn.Linear(12, 5))
    dense = nn.Sequential(nn.Embedding(50, 4), nn.Flatten(), nn.Linear(12, 5))
    dense.load_state_dict(sparse.state_dict())
    names = ["ntk_cond", "ntk_norm", "grad_norm_all", "gradsign"]
    scores = [zcbench.score(model, tokens, labels, names) for model in (sparse, dense)]
    for name in names:
        assert scores[0][name].value == pytest.approx(scores[1][name].value, rel=1e-5)
    flat = nn.Sequential(nn.Linear(10, 1), nn.Flatten(0))
    x = torch.randn(8, 10)
    kernel = (x @ x.T + 1).double()  # by hand: gradients of w x + b
    found = zcbench.score(flat, x, torch.randn(8), ["ntk_norm", "ntk_trace"])
    assert found["ntk_norm"].value is not None
    with Probe(flat, Batch(x)) as probe:
        torch.testing.assert_close(probe.tangent_kernel(), kernel, rtol=1e-5, atol=1e-5)


def test_own_loss():
    x = torch.randn(4, 3)
    with Probe(nn.Linear(3, 2), Batch(x, x), loss_fn=lambda output, target: output.sum() * target.sum()) as probe:
        torch.testing.assert_close(probe.loss, probe.outputs.sum() * x.sum())


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (torch.tensor([0, 2]), "class 2 is out of range: the network has 2 outputs"),
        (torch.zeros(2, 2, dtype=torch.long), "do not fit outputs"),
        (torch.zeros(2, 3), "do not fit outputs"),
    ],
)
def test_targets_that_do_not_fit(targets, message):
    with Probe(nn.Linear(3, 2), Batch(torch.randn(2, 3), targets)) as probe:
        with pytest.raises(UnsupportedModelError, match=message):
            _ = probe.loss


@pytest.mark.parametrize(
    ("model", "inputs", "targets", "message"),
    [
        (lambda x: x, torch.zeros(2, 3), None, "pass a torch.nn.Module instance"),
        (nn.Linear, torch.zeros(2, 3), None, "pass a torch.nn.Module instance"),
        (nn.Linear(3, 2), [[1.0, 2.0, 3.0]], None, "inputs must be a tensor"),
        (nn.Linear(3, 2), (), None, "inputs must be a tensor"),
        (nn.Linear(3, 2), torch.zeros(0, 3), None, "batch is empty"),
        (nn.Linear(3, 2), torch.zeros(2, 3), torch.zeros(3), "different first dimensions"),
        (nn.Linear(3, 2), torch.zeros(2, 3), [0, 1], "targets are a list: pass a tensor"),
        (nn.Linear(3, 2), torch.tensor(1.0), None, "empty"),
    ],
)
def test_inputs_that_cannot_be_used(model, inputs, targets, message):
    with pytest.raises(InvalidInputError, match=message):
        Probe(model, Batch(inputs, targets))


def test_output_with_logits_attribute_and_without():
    class Answer:
        def __init__(self, logits):
            self.logits = logits

    class Wraps(nn.Module):
        def __init__(self, wrap):
            super().__init__()
            self.layer, self.wrap = nn.Linear(3, 2), wrap

        def forward(self, x):
            return self.wrap(self.layer(x))

    x = torch.randn(2, 3)
    for wrap in (Answer, lambda logits: {"logits": logits}, lambda logits: [logits], lambda logits: {"out": logits}):
        with Probe(Wraps(wrap), Batch(x)) as probe:
            assert probe.outputs.shape == (2, 2)
    for wrap in (lambda logits: None, lambda logits: [], lambda logits: 3, lambda logits: {"loss": logits.sum()}):
        with Probe(Wraps(wrap), Batch(x)) as probe:
            with pytest.raises(UnsupportedModelError, match="must return a tensor"):
                _ = probe.outputs
