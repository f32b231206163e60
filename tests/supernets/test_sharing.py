"""Active subnets against stand-alone networks, gradients in their slices, and networks that cannot be shared."""

import concurrent.futures
import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zcbench.errors import InvalidArchitectureError, InvalidInputError
from zcbench.spaces import get_space
from zcbench.spaces._base import ChoiceSpace
from zcbench.supernets import WeightSharing, shared_weights
from zcbench.types import Architecture


class Widths(ChoiceSpace):
    """A stranger's space: a width and a depth."""

    def __init__(self, widths=(2, 4), depths=(1, 2)):
        super().__init__("widths", [list(map(str, widths)), list(map(str, depths))])

    def read(self, text):
        return tuple(text.split(","))

    def write(self, choices):
        return ",".join(choices)

    def sizes(self, architecture):
        return tuple(map(int, self.choices(architecture)))


def shared(network, *, calibration=(), space=None):
    """A supernet of networks that are made from a width and a depth."""
    space = space or Widths()
    first, *_, last = list(space)
    return WeightSharing(
        space,
        lambda architecture: network(*space.sizes(architecture)),
        largest=last,
        smallest=first,
        calibration=calibration,
    )


def some(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def same(a, b):
    """Equal to the rounding of float32; slices and copies may be multiplied in another order."""
    return torch.allclose(a, b, rtol=1e-5, atol=1e-5 * float(b.abs().max()))


def same_outputs(supernet, *inputs, **named):
    """The active subnet gives what the stand-alone one gives, for all of a small space."""
    supernet.eval()
    for architecture in supernet.space:
        supernet.activate(architecture)
        with torch.no_grad():
            a, b = supernet(*inputs, **named), supernet.subnet(architecture)(*inputs, **named)
        assert same(a, b), architecture


def elastic(name):
    space = get_space(name)
    torch.manual_seed(0)
    return WeightSharing(
        space, largest=space.largest, smallest=space.smallest, calibration=[some((16, 1, 8, 8)), some((16, 1, 8, 8), 1)]
    )


@pytest.mark.parametrize("name", ["elastic-mobilenet", "elastic-transformer"])
def test_active_and_stand_alone_subnets_are_equal(name):
    supernet, rng = elastic(name), np.random.default_rng(3)
    x = some((9, 1, 8, 8), 2)
    supernet.eval()
    outputs = []
    for architecture in [supernet.space.sample(rng) for _ in range(8)]:
        supernet.activate(architecture)
        with torch.no_grad():
            outputs.append(supernet(x))
            assert same(outputs[-1], supernet.subnet(architecture)(x)), architecture
    assert len({out.sum().item() for out in outputs}) == len(outputs)


@pytest.mark.parametrize("name", ["elastic-mobilenet", "elastic-transformer"])
def test_gradients_of_a_subnet_land_in_its_slices_and_are_its_own(name):
    """Against the gradients of a stand-alone network, at the places where its weights lie."""
    supernet, x, y = elastic(name), some((9, 1, 8, 8), 2), torch.arange(9)
    architecture = supernet.space.sample(np.random.default_rng(5))
    supernet.train()
    supernet.activate(architecture)
    F.cross_entropy(supernet(x), y).backward()
    alone = supernet.cut(architecture).train()
    F.cross_entropy(alone(x), y).backward()
    wanted = {name: torch.zeros_like(value) for name, value in supernet.whole.named_parameters()}
    numbers = {name: torch.arange(value.numel()).view(value.shape) for name, value in wanted.items()}
    places = supernet.build(supernet.largest)
    with torch.no_grad():  # entries numbered, so that a slice tells where it lies
        for one, value in places.named_parameters():
            value.copy_(numbers[one])
    for one, slices in shared_weights(places, alone).items():
        for place, gradient in zip(
            slices.flatten().long().tolist(), dict(alone.named_parameters())[one].grad.flatten(), strict=True
        ):
            wanted[one].view(-1)[place] += gradient
    for one, value in supernet.whole.named_parameters():
        got = torch.zeros_like(value) if value.grad is None else value.grad
        # sums of up to 9 x 64 products in another order
        assert torch.allclose(got, wanted[one], rtol=1e-4, atol=600 * torch.finfo(torch.float32).eps), one
        assert bool((got[wanted[one] == 0] == 0).all()), one


def test_subnets_are_copies():
    supernet, x = elastic("elastic-mobilenet"), some((4, 1, 8, 8))
    architecture = supernet.space.largest
    alone = supernet.subnet(architecture)
    supernet.eval()
    with torch.no_grad():
        before, own = supernet(x), alone(x)
        for value in alone.parameters():
            value.add_(1.0)
        assert torch.equal(supernet(x), before)
        again = supernet.subnet(architecture)
        for value in supernet.parameters():
            value.mul_(1.5)
        assert torch.equal(again(x), own)
        assert not torch.equal(supernet(x), before)


def test_no_evaluation_depends_on_another():
    supernet, x, rng = elastic("elastic-mobilenet"), some((4, 1, 8, 8)), np.random.default_rng(0)
    a, b = supernet.space.sample(rng), supernet.space.sample(rng)

    def evaluate(one):
        supernet.eval()
        supernet.activate(one)
        with torch.no_grad():
            return supernet(x)

    first, state = evaluate(a), {name: value.clone() for name, value in supernet.state_dict().items()}
    evaluate(b)
    supernet.train()
    supernet.activate(b)
    supernet(x)
    assert torch.equal(evaluate(a), first)
    assert all(torch.equal(value, state[name]) for name, value in supernet.state_dict().items())
    assert torch.equal(elastic("elastic-mobilenet").subnet(a)(x), first)  # nothing evaluated before


def test_calibration_follows_weights_and_batches():
    supernet, x = elastic("elastic-mobilenet"), some((4, 1, 8, 8))
    supernet.eval()
    with torch.no_grad():
        before = supernet(x)
        for change in (
            lambda: supernet.whole.stem[0].weight.mul_(2.0),
            lambda: supernet.whole.stem[0].weight.data.add_(0.5),  # which no version tells
            lambda: supernet.calibration[0].mul_(3.0),
            lambda: supernet.calibration.pop(),
        ):
            change()
            after = supernet(x)
            assert not torch.equal(after, before)
            assert torch.equal(after, supernet.subnet(supernet.active)(x))
            before = after


def test_what_is_made_in_inference_mode_is_of_use_outside():
    supernet, x = elastic("elastic-mobilenet").eval(), some((4, 1, 8, 8))
    architecture = supernet.space.parse("d2w8k3e3|d1w24k5e1")
    supernet.activate(architecture)
    with torch.inference_mode():
        out, alone = supernet(x), supernet.subnet(architecture)
        assert torch.equal(out, alone(x))
        supernet.activate(supernet.smallest)
        supernet(x)
    alone(x).sum().backward()
    for mode in (False, True):
        supernet.train(mode)(x).sum().backward()
    supernet.activate(architecture)
    assert torch.equal(supernet.eval()(x), out)


def test_random_numbers_are_left_alone():
    supernet = elastic("elastic-mobilenet").eval()
    before = torch.get_rng_state()
    supernet.activate(supernet.smallest)
    supernet(some((2, 1, 8, 8)))
    supernet.subnet(supernet.largest)
    assert torch.equal(before, torch.get_rng_state())


def test_without_calibration_statistics_are_refused_and_cut_is_not():
    space = get_space("elastic-mobilenet")
    supernet = WeightSharing(space, largest=space.largest, smallest=space.smallest)
    with pytest.raises(InvalidInputError, match="calibration="):
        supernet.subnet(space.smallest)
    with pytest.raises(InvalidInputError, match="calibration="):
        supernet.eval()(some((2, 1, 8, 8)))
    assert torch.isfinite(supernet.cut(space.smallest).train()(some((2, 1, 8, 8)))).all()
    assert torch.isfinite(supernet.train()(some((2, 1, 8, 8)))).all()


def test_architectures_outside_the_space():
    supernet = elastic("elastic-transformer")
    for wrong in (Architecture("elsewhere", supernet.smallest.key), Architecture(supernet.space.name, "16|h9f16")):
        for use in (supernet.activate, supernet.subnet, supernet.cut, supernet.structure):
            with pytest.raises(InvalidArchitectureError):
                use(wrong)
    assert supernet.active == supernet.largest


def test_ways_to_write_one_architecture():
    supernet = elastic("elastic-transformer").eval()
    architecture, spaced = Architecture("elastic-transformer", "16|h1f16,h2f32"), "16|h1f16, h2f32"
    supernet.activate(Architecture("elastic-transformer", spaced))
    assert supernet.active == architecture
    x = some((2, 1, 8, 8))
    assert torch.equal(supernet(x), supernet.subnet(architecture)(x))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_precision_of_the_supernet(dtype):
    supernet = elastic("elastic-transformer").to(dtype).eval()
    x = some((2, 1, 8, 8)).to(dtype)
    alone = supernet.subnet(supernet.active)
    assert {value.dtype for value in alone.parameters()} == {dtype}
    assert torch.equal(supernet(x), alone(x))


# -- strangers' networks -----------------------------------------------------------------------


class Recurrent(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.words = nn.Embedding(9, width)
        self.layers = nn.LSTM(width, width, depth, batch_first=True, bidirectional=True, dropout=0.1)
        self.cell = nn.GRUCell(2 * width, width)
        self.out = nn.Linear(width, 3)

    def forward(self, x, scale=1.0):
        seen, _ = self.layers(self.words(x))
        return self.out(self.cell(seen[:, -1])) * scale


def test_recurrent_networks():
    x = torch.randint(9, (5, 6), generator=torch.Generator().manual_seed(0))
    with pytest.warns(UserWarning, match="dropout"):  # torch's, of one layer
        supernet = shared(Recurrent)
        same_outputs(supernet, x, scale=2.0)
    supernet.train()
    supernet.activate(supernet.smallest)
    supernet(x).sum().backward()
    assert supernet.whole.layers.weight_hh_l0.grad[:2, :2].abs().sum() > 0
    assert supernet.whole.layers.weight_hh_l0.grad[:, 2:].abs().sum() == 0


class Upsampling(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.into = nn.Conv2d(3, 4 * width, 3, padding=1)
        self.norms = nn.ModuleList([nn.GroupNorm(width, 4 * width) for _ in range(depth)])
        self.up = nn.ConvTranspose2d(4 * width, 2 * width, 2 + 2 * depth, stride=2, padding=depth)
        self.shape = nn.InstanceNorm2d(2 * width, affine=True)
        self.last = nn.Conv2d(2 * width, 2, 1)

    def forward(self, x):
        x = self.into(x)
        for norm in self.norms:
            x = norm(x).relu()
        return self.last(self.shape(self.up(x)))


def test_transposed_convolutions_and_norms():
    same_outputs(shared(Upsampling), some((2, 3, 6, 6)))


class Waves(nn.Module):
    """Sines of positions, which depend on the width; dropout; a layer that is used twice; a tied output."""

    def __init__(self, width, depth):
        super().__init__()
        self.words = nn.Embedding(7, width)
        angles = torch.arange(6.0)[:, None] / 10 ** torch.linspace(0, 1, width)
        self.register_buffer("places", angles.sin(), persistent=False)
        self.register_buffer("shift", torch.zeros(1))
        self.mix = nn.Linear(width, width)
        self.again = self.mix
        self.blocks = nn.ModuleDict(
            {str(i): nn.Sequential(nn.Linear(width, width), nn.Dropout(0.5)) for i in range(depth)}
        )
        self.out = nn.Linear(width, 7, bias=False)
        self.out.weight = self.words.weight

    def forward(self, x):
        x = self.mix(self.words(x) + self.places + self.shift)
        for block in self.blocks.values():
            x = block(x).tanh()
        return self.out(self.again(x))


def test_ties_buffers_of_every_size_and_dropout():
    supernet, x = shared(Waves), torch.randint(7, (3, 6), generator=torch.Generator().manual_seed(0))
    supernet.whole.shift.fill_(0.7)  # what was learned elsewhere, of one shape in all sizes
    same_outputs(supernet, x)
    assert supernet.subnet(supernet.smallest).shift == 0.7
    assert torch.equal(supernet.subnet(supernet.smallest).places, Waves(2, 1).places)
    supernet.train()
    assert not torch.equal(supernet(x), supernet(x))  # dropout
    alone = supernet.subnet(supernet.smallest)
    assert alone.out.weight is alone.words.weight
    assert alone.mix is alone.again
    supernet.activate(supernet.smallest)
    supernet(x).sum().backward()
    assert supernet.whole.words.weight.grad[:, 2:].abs().sum() == 0
    assert sum(1 for _ in supernet.parameters()) == 7


class Frozen(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.codes = nn.Parameter(torch.arange(4), requires_grad=False)
        self.first, self.second = nn.Linear(4, width), nn.Linear(width, 2)
        self.first.requires_grad_(False)

    def forward(self, x):
        return self.second(self.first(x[:, self.codes]))


def test_frozen_parameters_and_integers():
    supernet = shared(Frozen)
    same_outputs(supernet, some((3, 4)))
    supernet.train()(some((3, 4))).sum().backward()
    assert supernet.whole.first.weight.grad is None
    assert supernet.whole.second.weight.grad is not None


class Remembering(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.layer = nn.Linear(3, width)
        self.out = nn.Linear(width, 2)
        self.register_buffer("mean", torch.zeros(width))

    def forward(self, x):
        x = self.layer(x)
        if self.training:
            self.mean.lerp_(x.detach().mean(0), 0.1)
        return self.out(x - self.mean)


class Replacing(Remembering):
    def forward(self, x):
        x = self.layer(x)
        if self.training:
            self.mean = self.mean + x.detach().mean(0)
        return self.out(x - self.mean)


@pytest.mark.parametrize("network", [Remembering, Replacing])
def test_buffers_that_training_changes_are_refused(network):
    supernet = shared(network)
    for architecture in (supernet.largest, supernet.smallest):
        supernet.activate(architecture)
        with pytest.raises(InvalidInputError, match="changes its buffer mean in training"):
            supernet.train()(some((4, 3)))


class Random(nn.Module):
    """Random features that are drawn when it is built."""

    def __init__(self, width, depth):
        super().__init__()
        self.register_buffer("projection", torch.randn(3, width))
        self.out = nn.Linear(width, 2)

    def forward(self, x):
        return self.out(x @ self.projection)


def test_random_buffers_are_the_same_in_every_network():
    supernet = shared(Random)
    torch.manual_seed(17)
    same_outputs(supernet, some((4, 3)))


def test_what_build_may_not_return():
    space = Widths()
    kept = {}

    def kept_network(architecture):
        return kept.setdefault(architecture.key, nn.Linear(2, space.sizes(architecture)[0]))

    first, *_, last = list(space)
    supernet = WeightSharing(space, kept_network, largest=last, smallest=first)
    with pytest.raises(InvalidInputError, match="returned before"):
        supernet.structure(last)
    with pytest.raises(InvalidInputError, match="returned before"):
        supernet.subnet(first)
    with pytest.raises(InvalidInputError, match="no parameters"):
        shared(lambda width, depth: nn.Identity() if width == 2 else nn.Linear(2, 2))
    with pytest.raises(InvalidInputError, match="instance norm with running statistics"):
        shared(lambda width, depth: nn.InstanceNorm1d(width, affine=True, track_running_stats=True))
    with pytest.raises(InvalidInputError, match="parametrised"):
        shared(lambda width, depth: nn.utils.parametrizations.weight_norm(nn.Linear(width, width)))
    with pytest.raises(InvalidInputError, match="is lazy"):
        shared(lambda width, depth: nn.LazyLinear(width))
    with pytest.raises(InvalidInputError, match=r"is not part|does not contain"):  # the largest is the smaller one
        shared(lambda width, depth: nn.Linear(2, 8 - width))
    for given, said in ((None, "build returned None for"), ((nn.Linear(2, 2), 1), r"build returned \(Linear")):
        with pytest.raises(InvalidInputError, match=said):
            shared(lambda width, depth, given=given: given)
    with pytest.raises(
        InvalidInputError, match=r"build fails for .*AssertionError: embed_dim must be divisible"
    ) as caught:
        shared(lambda width, depth: nn.MultiheadAttention(width + 1, 2))
    assert isinstance(caught.value.__cause__, AssertionError)


class Still(nn.Module):
    """Its batch norm stays in evaluation."""

    def __init__(self, width, depth):
        super().__init__()
        self.into, self.norm = nn.Linear(3, width), nn.BatchNorm1d(width)

    def train(self, mode=True):
        super().train(mode)
        self.norm.eval()
        return self

    def forward(self, x):
        return self.norm(self.into(x))


def test_a_batch_norm_that_stays_in_evaluation_is_refused_in_training():
    """What it would train with are zeros and ones; what it is judged by are calibrated statistics."""
    supernet = shared(Still, calibration=[some((8, 3))])
    with pytest.raises(InvalidInputError, match="norm is a batch norm that stays in evaluation"):
        supernet.train()(some((8, 3)))
    supernet.eval()(some((8, 3)))


def test_what_is_no_architecture():
    supernet = shared(lambda width, depth: nn.Linear(3, width))
    for use in (supernet.subnet, supernet.cut, supernet.activate, supernet.structure, supernet.evaluate):
        for given in (supernet.largest.key, None, 3):
            with pytest.raises(InvalidArchitectureError if use != supernet.evaluate else InvalidInputError):
                use(given)
    with pytest.raises(InvalidArchitectureError, match=r"'4' is not an architecture: give one of"):
        WeightSharing(supernet.space, supernet.build, largest="4", smallest=supernet.smallest)


def test_calibration_is_a_list():
    with pytest.raises(InvalidInputError, match="give a list of batches"):
        shared(lambda width, depth: nn.Linear(3, width), calibration=torch.ones(2, 3))


def test_threads_that_build_networks_leave_random_numbers_alone():
    """Each seeds the process's generator, and puts it back: one after the other."""
    inside = []

    def slow(width, depth):
        inside.append(1)
        together = len(inside)
        time.sleep(0.002)
        inside.pop()
        network = nn.Linear(3, width)
        network.together = together
        return network

    supernet = shared(slow)
    torch.manual_seed(4)
    before = torch.get_rng_state()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        networks = list(pool.map(supernet.cut, 8 * [supernet.largest]))
    assert torch.equal(torch.get_rng_state(), before)
    assert {one.together for one in networks} == {1}


def test_many_structures_are_forgotten_and_made_again(monkeypatch):
    monkeypatch.setattr("zcbench.supernets.sharing._KEPT", 2)
    supernet = shared(lambda width, depth: nn.Linear(3, width))
    same_outputs(supernet, some((4, 3)))
    assert len(supernet._structures) <= 2


def test_it_says_what_it_is():
    assert "parameters" in repr(shared(lambda width, depth: nn.Linear(3, width)))
