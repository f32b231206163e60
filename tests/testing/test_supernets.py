"""The supernet contract: good supernets pass, and every way to break one is caught by the check of that name."""

import random

import pytest
import torch
from torch import nn

from zcbench.errors import InvalidArchitectureError, InvalidInputError
from zcbench.spaces._base import ChoiceSpace
from zcbench.supernets import WeightSharing
from zcbench.testing import _supernets, check_supernet
from zcbench.testing._report import run_checks


class Small(ChoiceSpace):
    """Width, depth, and the width of the second layer, which means nothing where there is one layer."""

    def __init__(self):
        super().__init__("small", [["2", "4", "6"], ["1", "2"], ["2", "4"]])

    def read(self, text):
        return tuple(text.split(","))

    def write(self, choices):
        return ",".join(choices)

    def sizes(self, architecture):
        return tuple(map(int, self.choices(architecture)))

    def canonical(self, architecture):
        width, depth, second = self.choices(architecture)
        return self.from_choices((width, depth, second if depth == "2" else "2"))


SPACE = Small()
SMALLEST, LARGEST = SPACE.from_choices(("2", "1", "2")), SPACE.from_choices(("6", "2", "4"))


class Net(nn.Module):
    def __init__(self, width, depth, second):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.2))
        self.more = nn.ModuleList(
            [nn.Sequential(nn.Linear(width, second), nn.Tanh(), nn.Linear(second, width))][: depth - 1]
        )
        self.last = nn.Linear(width, 4)

    def forward(self, x):
        x = self.first(x)
        for block in self.more:
            x = x + block(x)
        return self.last(x)


def some(rows=6, seed=1):
    return torch.randn(rows, 3, generator=torch.Generator().manual_seed(seed))


def build(architecture):
    return Net(*SPACE.sizes(architecture))


def made(kind=WeightSharing, **more):
    torch.manual_seed(0)
    settings = {"largest": LARGEST, "smallest": SMALLEST, "calibration": [some(8, 2)], **more}
    return kind(SPACE, build, **settings)


def outcomes(supernet, inputs=None, **more):
    """Outcomes by check."""
    report = check_supernet(supernet, some() if inputs is None else inputs, **more)
    return report, {outcome.check: outcome for outcome in report.outcomes}


def test_a_good_one_passes_and_is_left_as_it_was():
    supernet = made(held_out=(some(5), torch.arange(5) % 4)).train()
    supernet.whole.last.eval()
    supernet.activate(SMALLEST)
    supernet(some()).sum().backward()
    state = {name: value.clone() for name, value in supernet.state_dict().items()}
    gradients = {name: None if v.grad is None else v.grad.clone() for name, v in supernet.named_parameters()}
    report, checks = outcomes(supernet)
    assert report.ok, str(report)
    assert {outcome.status for outcome in checks.values()} == {"passed"}
    assert report.name == "WeightSharing of small"
    assert checks["subnet equals active"].detail == "bit for bit"
    assert supernet.active == SPACE.canonical(SMALLEST)
    assert supernet.training
    assert not supernet.whole.last.training
    assert all(torch.equal(value, state[name]) for name, value in supernet.state_dict().items())
    for name, value in supernet.named_parameters():
        assert (value.grad is None) == (gradients[name] is None)
        assert value.grad is None or torch.equal(value.grad, gradients[name])


class Plain:
    """A stranger's: the protocol and nothing else."""

    space = SPACE

    def __init__(self):
        self.inner = made()

    def subnet(self, architecture):
        return self.inner.subnet(architecture)


def test_a_strangers_object_without_optional_members():
    report, checks = outcomes(Plain())
    assert report.ok, str(report)
    skipped = {name for name, outcome in checks.items() if outcome.status == "skipped"}
    assert skipped == {
        "follow the supernet",
        "subnet equals active",
        "gradients",
        "active weights are trained",
        "evaluate",
        "same seed, same training",
        "resume",
    }


def test_inputs_of_every_shape():
    class Named(Net):
        def forward(self, x, scale):
            return {"logits": super().forward(x) * scale}

    torch.manual_seed(0)

    def sized(architecture):
        net = Named(*SPACE.sizes(architecture))
        net.first[1] = nn.LayerNorm(net.first[0].out_features)
        return net

    supernet = WeightSharing(SPACE, sized, largest=LARGEST, smallest=SMALLEST)
    for inputs in ({"x": some(), "scale": torch.tensor(2.0)}, (some(), torch.tensor(2.0)), (some(2), 2.0)):
        report, checks = outcomes(supernet, inputs)
        assert report.ok, str(report)
        assert checks["resume"].status == "passed"


def test_what_cannot_be_checked():
    with pytest.raises(InvalidInputError, match="is not a supernet"):
        check_supernet(nn.Linear(2, 2), some())
    for inputs in (some(1), torch.tensor(1.0), (), 3):
        with pytest.raises(InvalidInputError, match="two samples"):
            check_supernet(made(), inputs)


# -- broken ones -------------------------------------------------------------------------------


class InTraining(WeightSharing):
    def subnet(self, architecture):
        return super().subnet(architecture).train()


class NoModule(WeightSharing):
    def subnet(self, architecture):
        return super().subnet(architecture).forward


class Infinite(WeightSharing):
    def subnet(self, architecture):
        network = super().subnet(architecture)
        network.last.bias.data[0] = float("nan")
        return network


class AllTheSame(WeightSharing):
    def subnet(self, architecture):
        super().subnet(architecture)
        return super().subnet(SMALLEST)


class Drawn(WeightSharing):
    """Some weight is drawn for each subnet."""

    def subnet(self, architecture):
        network = super().subnet(architecture)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(random.Random(id(network)).randrange(10**6))
            network.last.bias.normal_()
        return network


class Uncalibrated(WeightSharing):
    """Batch norms that go on with statistics of the batch."""

    def subnet(self, architecture):
        network = super().subnet(architecture)
        network.first[1].track_running_stats = False
        network.first[1].running_mean = network.first[1].running_var = None
        return network


class Views(WeightSharing):
    """A subnet's weights are the supernet's."""

    def subnet(self, architecture):
        network = super().subnet(architecture)
        for name, value in network.named_parameters():
            value.data = self.whole.get_parameter(name).data[tuple(slice(n) for n in value.shape)]
        return network


class Cached(WeightSharing):
    """The same object every time."""

    def subnet(self, architecture):
        key = self.space.canonical(architecture).key
        self.__dict__.setdefault("made", {}).setdefault(key, super().subnet(architecture))
        return self.made[key]


class Frozen(WeightSharing):
    """Weights as they were when it was first asked."""

    def subnet(self, architecture):
        first = self.__dict__.setdefault("first", {name: v.clone() for name, v in self.state_dict().items()})
        now = {name: v.clone() for name, v in self.state_dict().items()}
        self.load_state_dict(first)
        network = super().subnet(architecture)
        self.load_state_dict(now)
        return network


class OneForAll(WeightSharing):
    """Statistics of batch norms are those of whatever came before."""

    def subnet(self, architecture):
        network = super().subnet(architecture)
        mean = network.first[1].running_mean
        mean += 0.01 * self.__dict__.get("before", 0.0)
        self.before = float(len(mean))
        return network


class Restless(WeightSharing):
    """Making a subnet changes the supernet's momenta."""

    def subnet(self, architecture):
        self.whole.first[1].momentum *= 0.9
        return super().subnet(architecture)


class Writing(WeightSharing):
    """Making a subnet writes into the supernet's buffers."""

    def subnet(self, architecture):
        self.whole.first[1].running_mean += 1.0
        return super().subnet(architecture)


class Random(WeightSharing):
    def subnet(self, architecture):
        torch.randn(1)
        return super().subnet(architecture)


class Credulous(WeightSharing):
    def subnet(self, architecture):
        try:
            return super().subnet(architecture)
        except InvalidArchitectureError:
            return super().subnet(SMALLEST)


class HalfRefused(WeightSharing):
    """An architecture that it refuses is half active."""

    def activate(self, architecture):
        self.active = SMALLEST
        super().activate(architecture)


class TwoNetworks(WeightSharing):
    """What lies beyond the depth matters."""

    def subnet(self, architecture):
        network = super().subnet(architecture)
        if architecture != self.space.canonical(architecture):
            with torch.no_grad():
                network.last.bias += 1.0
        return network


class OtherStatistics(WeightSharing):
    """It evaluates with statistics that are not its subnets'."""

    def _calibrated(self):
        return {name: value * 1.001 for name, value in super()._calibrated().items()}


class Leaking(WeightSharing):
    """Gradients reach weights that it does not use."""

    def forward(self, x):
        zero = sum(value.sum() for value in self.parameters())
        return super().forward(x) + zero - zero.detach()


class Halved(WeightSharing):
    """Some weights that it uses get half of their gradient."""

    def forward(self, x):
        out = super().forward(x)
        return out + (out.detach() - out) / 2 if self.training else out


class Detached(WeightSharing):
    def forward(self, x):
        return super().forward(x).detach()


class Elsewhere(WeightSharing):
    """A part of the smallest subnet's weights is taken from where no gradient goes."""

    def forward(self, x):
        whole, kept = self.whole.last, self.whole.last.weight
        if self.training:
            whole._parameters["weight"] = nn.Parameter(kept.detach().clone())
        try:
            return super().forward(x)
        finally:
            whole._parameters["weight"] = kept


class Moody(WeightSharing):
    def evaluate(self, architecture):
        self.told = self.__dict__.get("told", 0) + 1
        return {"accuracy": 1 / self.told}


class Undefined(WeightSharing):
    def evaluate(self, architecture):
        self.space.canonical(architecture)
        return float("nan") if architecture != self.largest else 1.0


class Seedless(WeightSharing):
    """Dropout with random numbers of its own."""

    def forward(self, x):
        if self.training and x.dtype is torch.float32:
            self.count = self.__dict__.get("count", 0) + 1
            x = x * (1 + 0.01 * self.count)
        return super().forward(x)


class Remembering(WeightSharing):
    """How it learns depends on how many steps there were, which no checkpoint has."""

    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self.begin = self.whole.last.bias.detach().clone()
        self.whole.register_load_state_dict_post_hook(self.restart)

    def restart(self, *_):
        self.count = 0

    def forward(self, x):
        if self.training:
            if torch.equal(self.whole.last.bias, self.begin):
                self.restart()
            self.count += 1
            x = x * (1 + 0.01 * self.count)
        return super().forward(x)


BROKEN = {
    "subnets": (InTraining, NoModule, Infinite, AllTheSame),
    "same subnet": (Drawn,),
    "independent samples": (Uncalibrated,),
    "separate weights": (Views, Cached),
    "follow the supernet": (Views, Frozen),
    "no side effects": (OneForAll, Restless, Writing),
    "global random numbers": (Random,),
    "other architectures": (Credulous, HalfRefused),
    "equal networks": (TwoNetworks,),
    "subnet equals active": (OtherStatistics, Drawn),
    "gradients": (Leaking, Halved, Detached, Elsewhere),
    "active weights are trained": (Leaking, Elsewhere),
    "evaluate": (Moody, Undefined),
    "same seed, same training": (Seedless,),
    "resume": (Remembering,),
}


@pytest.mark.parametrize(("check", "kind"), [(check, kind) for check, kinds in BROKEN.items() for kind in kinds])
def test_each_check_catches_what_it_is_for(check, kind):
    with torch.random.fork_rng(devices=[]):
        checks = _supernets._Checker(made(kind), some(), None, 0).checks()
        report = run_checks("broken", {check: checks[check]})
    assert [outcome.status for outcome in report.outcomes] == ["failed"], str(report)


def test_a_broken_one_is_left_as_it_was_too():
    supernet = made(Elsewhere)
    state = {name: value.clone() for name, value in supernet.state_dict().items()}
    report, checks = outcomes(supernet)
    assert not report.ok
    assert checks["subnets"].status == "passed"
    assert all(torch.equal(value, state[name]) for name, value in supernet.state_dict().items())


def test_every_check_has_a_broken_example():
    assert set(BROKEN) == set(outcomes(made())[1])
