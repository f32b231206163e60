"""One option with one meaning: what it is read as, who decides, and what is said where a device is not there."""

import math
import pickle
import sys
from pathlib import Path

import pytest
import torch

import zcbench.supernets  # it registers a scorer
from zcbench import devices
from zcbench._workers import Crew
from zcbench.errors import InvalidInputError


@pytest.fixture(autouse=True)
def nobody_says(monkeypatch):
    monkeypatch.delenv(devices.VARIABLE, raising=False)


class Driver:
    """What torch would have of two devices of a kind."""

    def __init__(self, count=2, current=1):
        self.count, self.current, self.asked, self.bytes, self.peak = count, current, [], 0, 0

    def is_available(self):
        return self.count > 0

    def device_count(self):
        return self.count

    def current_device(self):
        return self.current

    def get_device_name(self, device):
        return f"GPU of {device}"

    def synchronize(self, device=None):
        self.asked.append(("synchronize", device))

    def empty_cache(self):
        self.asked.append(("empty_cache", None))

    def use(self, size):
        self.bytes = size
        self.peak = max(self.peak, size)

    def max_memory_allocated(self, device):
        return self.peak

    def reset_peak_memory_stats(self, device):
        self.peak = self.bytes


@pytest.fixture
def driver(monkeypatch):
    found = Driver()
    monkeypatch.setattr(devices, "_module", lambda kind: found if kind == "cuda" else None)
    return found


@pytest.mark.parametrize(
    ("given", "read"),
    [
        *(("cpu", "cpu"), (" CUDA:1 ", "cuda:1"), ("cuda", "cuda"), ("mps", "mps"), ("cpu:0", "cpu")),
        *((torch.device("cuda", 3), "cuda:3"), (torch.device("cpu"), "cpu")),
    ],
)
def test_devices_are_read(given, read):
    assert devices.parsed(given) == read


@pytest.mark.parametrize(
    "given", ["gpu", "", "cuda:", "cuda:-1", "cuda:01", "cuda 1", "meta", "0", 0, None, "cuda:1,2"]
)
def test_what_is_no_device(given):
    with pytest.raises(InvalidInputError, match="choose cpu, cuda, one of several such as cuda:1, or mps"):
        devices.parsed(given)


def test_who_decides(monkeypatch):
    assert devices.chosen() == "cpu"
    monkeypatch.setenv(devices.VARIABLE, "cuda:1")
    assert devices.chosen() == "cuda:1"
    with devices.using("mps"):
        assert devices.chosen() == "mps"
        with devices.using(None), devices.using("cpu"):
            assert devices.chosen() == "cpu"
        assert devices.chosen() == "mps"
    assert devices.chosen() == "cuda:1"
    monkeypatch.setenv(devices.VARIABLE, "the fast one")
    with pytest.raises(InvalidInputError, match="ZCBENCH_DEVICE: 'the fast one': choose cpu"):
        devices.chosen()


def test_a_device_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(InvalidInputError, match=r"no device cuda \(torch .* is built without CUDA\): install .*cpu\."):
        devices.here("cuda")
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    with pytest.raises(InvalidInputError, match=r"CUDA finds no GPU.*nvidia-smi"):
        devices.here("cuda:0")


def test_one_that_is_not_among_several(driver):
    with pytest.raises(InvalidInputError, match=r"there is no device cuda:2, this machine has cpu, cuda:0, cuda:1"):
        devices.here("cuda:2")
    assert devices.here("cuda:1") == torch.device("cuda", 1)
    assert devices.here("cuda") == torch.device("cuda", driver.current)
    assert devices.available() == ["cpu", "cuda:0", "cuda:1"]
    assert devices.name_of("cuda:1") == "GPU of cuda:1"
    assert devices.name_of("cpu") == ""


def test_workers_take_devices_in_turn_or_share_one(driver):
    assert devices.each("cuda", 5) == ["cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:0"]
    assert devices.each("cuda:1", 2) == ["cuda:1"] * 2
    assert devices.each("cpu", 3) == ["cpu"] * 3
    assert devices.least_used("cuda", ["cuda:0", "cuda:1", "cuda:1"]) == "cuda:0"
    assert devices.least_used("cuda:1", ["cuda:1"]) == "cuda:1"
    assert devices.usual_workers("cuda") == 2
    assert devices.usual_workers("cuda:0") == 1
    driver.count = 1
    assert devices.each("cuda", 3) == ["cuda"] * 3
    assert devices.least_used("cuda", ["cuda"]) == "cuda"


def test_the_clock_waits_for_the_device(driver):
    first = devices.now("cuda:1")
    assert driver.asked == [("synchronize", "cuda:1")]
    assert devices.now("cpu") >= first
    assert len(driver.asked) == 1
    devices.release("cuda:1")
    assert driver.asked[1:] == [("empty_cache", None)]


def test_the_most_memory_of_nested_blocks(driver):
    peak = devices.Peak("cuda")
    driver.use(50)
    peak.begin()
    driver.use(100)
    driver.use(10)
    peak.begin()
    driver.use(30)
    driver.use(5)
    assert peak.end() == 30
    driver.use(20)
    peak.begin()
    driver.use(400)
    driver.use(1)
    assert peak.end() == 400
    assert peak.end() == 400
    peak.begin()
    assert peak.end() == 1
    nobody = devices.Peak("cpu")
    nobody.begin()
    assert math.isnan(nobody.end())


def test_what_was_used_is_noted(driver):
    with devices.noted() as used:
        pass
    assert used.device == ""
    with devices.noted() as used:
        devices.here()
    assert (used.device, used.device_name) == ("cpu", "")
    with devices.using("cuda:1"), devices.noted() as outer:
        with devices.noted() as used:
            devices.here(double=True)
            driver.use(70)
        with devices.noted() as nothing:
            pass
    assert (used.device, used.device_name, used.memory) == ("cuda", "GPU of cuda:1", 70)
    assert (nothing.device, outer.device) == ("", "cuda")
    with devices.using("cuda:7"), devices.noted() as used:  # what is not there is said where it is needed
        pass
    assert used.device == ""


def test_no_float64_on_apple_silicon(monkeypatch):
    monkeypatch.setattr(devices, "_count", lambda kind: 1)
    assert devices.here("mps", double=True) == torch.device("cpu")
    assert devices.here("mps").type == "mps"


class Silent(torch.OutOfMemoryError):
    def __str__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "message", "is_one"),
    [
        (torch.OutOfMemoryError, "CUDA out of memory. Tried to allocate 20 GiB", True),
        (Silent, "", True),
        (MemoryError, "", True),
        (RuntimeError, "MPS backend out of memory (MPS allocated: 8 GB)", True),
        (RuntimeError, "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory", True),
        (RuntimeError, "shapes do not fit", False),
        (ValueError, "out of memory", False),
        (None, "", False),
    ],
)
def test_out_of_memory(error, message, is_one):
    assert devices.is_out_of_memory(error, message) is is_one


def test_arguments_and_the_variable_are_checked_before_anything_runs(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    network = torch.nn.Linear(4, 3)
    calls = [
        lambda **how: zcbench.score(network, torch.randn(4, 4), torch.arange(4) % 3, ["snip"], **how),
        lambda **how: zcbench.run("digits-201", proxies=["params"], limit=2, store=tmp_path / "runs", **how),
        lambda **how: zcbench.evaluate("digits-201", ["params"], limit=2, store=tmp_path / "runs", **how),
        lambda **how: zcbench.search("digits-201", budget=2, **how),
        lambda **how: zcbench.supernets.digits_story(tmp_path / "story", quick=True, **how),
        lambda **how: zcbench.supernets.digits_ranking(tmp_path / "ranking", quick=True, **how),
    ]
    for call in calls:
        with pytest.raises(InvalidInputError, match="there is no device cuda"):
            call(device="cuda")
        with pytest.raises(InvalidInputError, match="choose cpu, cuda"):
            call(device="gpu")
        monkeypatch.setenv(devices.VARIABLE, "cuda")
        with pytest.raises(InvalidInputError, match="there is no device cuda"):
            call()
        monkeypatch.delenv(devices.VARIABLE)
    assert not list(Path(tmp_path).iterdir())


class Place:
    """Work that tells where its worker computes."""

    imports = ()

    def prepare(self):
        self.place = devices.chosen()

    def results(self, key, parts, begin=str):
        for part in parts:
            begin(part)
            yield part, self.place

    def lost(self, status, reason, seconds):
        return reason


def test_workers_learn_their_device(monkeypatch):
    monkeypatch.setattr(devices, "least_used", lambda device, taken: f"{device}:{len(taken)}")
    with devices.using("cuda"), Crew(Place(), 2) as crew:
        found = list(crew.do([(str(key), ("a",)) for key in range(6)], last=True))
    assert {place for *_, place in found} <= {"cuda:0", "cuda:1"}
    assert len(found) == 6


def test_nothing_loads_torch_to_stay_on_the_processor():
    import subprocess

    code = "import sys; from zcbench import devices; devices.check(); devices.here; assert devices.chosen() == 'cpu'; "
    code += "devices.parsed('cuda:1'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_place_travels_by_pickle():
    assert pickle.loads(pickle.dumps(devices.Used("cuda", "GPU", 3.0))) == devices.Used("cuda", "GPU", 3.0)
