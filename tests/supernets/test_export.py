"""Exports: what is written computes what the network does, what cannot be is a sentence, nothing is half or lost."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zcbench.errors import InvalidInputError, StoreError
from zcbench.spaces import get_space
from zcbench.supernets import export, load_weights
from zcbench.supernets._export import _program, _reported
from zcbench.types import Batch

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def run(path, *inputs):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    return session.run(None, dict(zip(names, (one.numpy() for one in inputs), strict=True)))


def settled(network):
    """With statistics of batch norm that are no zeros and ones."""
    for one in network.modules():
        if isinstance(one, nn.BatchNorm2d):
            one.running_mean.normal_()
            one.running_var.uniform_(0.5, 2)
    return network.eval()


def test_a_subnet_in_all_forms(tmp_path):
    space = get_space("elastic-mobilenet")
    torch.manual_seed(0)
    network = settled(space.build(space.smallest))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    example = torch.randn(4, 1, 8, 8)
    numbers = torch.get_rng_state()
    done = export(network, tmp_path / "new", example, architecture=space.smallest, name="d1")
    assert not done.failed and set(done.files) == {"weights", "torch", "onnx"}
    assert torch.equal(torch.get_rng_state(), numbers) and not network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(one.grad is None and one.requires_grad for one in network.parameters())
    for one in done.files.values():
        content = one.path.read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (one.sha256, one.size)
        assert os.fsencode(__file__) not in content and b"zcbench/spaces" not in content  # no paths of this machine
    assert done.files["torch"].batches == (4, 1, 2, 3, 9) == done.files["onnx"].batches
    assert max(done.files["onnx"].difference, done.files["onnx"].share) <= 1e-5
    for size in (1, 5, 64):  # sizes that were not tried
        inputs = torch.randn(size, 1, 8, 8)
        with torch.no_grad():
            expected = network(inputs)
        (given,) = run(done.files["onnx"].path, inputs)
        np.testing.assert_allclose(given, expected, atol=1e-5)
        torch.testing.assert_close(torch.export.load(done.files["torch"].path).module()(inputs), expected)
    values = {"zcbench": __import__("zcbench")}
    exec(done.about["build"], values)
    other = load_weights(values["network"], done.files["weights"].path)
    assert torch.equal(other(inputs), network(inputs))


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x):
        return self.a(x) if x.sum() > 0 else self.b(x)


class Fixed(nn.Linear):
    def forward(self, x):
        return super().forward(x.view(3, 4))


class Loop(nn.Linear):
    def forward(self, x):
        return torch.stack([super(Loop, self).forward(x[i]) for i in range(x.shape[0])])


class Noisy(nn.Linear):
    def forward(self, x):
        return super().forward(F.dropout(x))


class Counting(nn.Linear):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return super().forward(x) + self.calls


class Raising(nn.Linear):
    def forward(self, x):
        raise ValueError("not\ntoday")


class Leaving(nn.Linear):
    def forward(self, x):
        sys.exit(3)


class Nothing(nn.Linear):
    def forward(self, x):
        return "nothing"


class Nan(nn.Linear):
    def forward(self, x):
        return super().forward(x) / 0 * 0


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (Branch, "torch.export refuses the network .*control flow that depends on values"),
        (Fixed, "or export it with dynamic=False"),
        (Loop, "or export it with dynamic=False"),
        (Noisy, "different outputs for the same inputs"),
        (Counting, "different outputs for the same inputs"),
        (Raising, "cannot compute the example: ValueError: not"),
        (Leaving, "cannot compute the example: SystemExit: 3"),
        (Nothing, "returns no tensor"),
        (Nan, "returns nan"),
    ],
)
def test_what_torch_refuses_is_a_sentence_and_the_weights_are_written(tmp_path, kind, sentence, capfd):
    torch.manual_seed(0)
    network = (kind(4, 3) if kind is not Branch else kind()).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    done = export(network, tmp_path, torch.randn(3, 4))
    assert set(done.files) == {"weights"} and set(done.failed) == {"torch", "onnx"}
    for reason in done.failed.values():
        assert "\n" not in reason and "\x1b" not in reason
        assert re.search(sentence, reason), reason
    assert sorted(one.name for one in tmp_path.iterdir()) == ["network.safetensors"]
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert capfd.readouterr() == ("", "")


def test_sizes_in_the_code_are_exported_for_one_size(tmp_path):
    done = export(Fixed(4, 3).eval(), tmp_path, torch.randn(3, 4), dynamic=False, kinds=["torch"])
    assert done.files["torch"].batches == (3,) and not done.failed


class Several(nn.Module):
    """Keyword arguments, a dictionary with a nested tuple, integers, None, and a number that is not a tensor."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 4)

    def forward(self, tokens, *, scale, twice=False):
        x = self.embed(tokens) * scale[:, None, None]
        return {"logits": x.sum(1) * (2 if twice else 1), "rest": (x.argmax(-1), None)}


def test_several_inputs_and_outputs_keep_their_names(tmp_path):
    network = Several().eval()
    example = {"scale": torch.rand(3), "tokens": torch.randint(7, (3, 5)), "twice": True}
    done = export(network, tmp_path, example, name="ünïcode of 日本, (1) 'a'")
    assert not done.failed
    about = done.files["onnx"].details
    assert sorted(about["inputs"]) == ["scale", "tokens"]
    assert about["outputs"] == ["output_logits", "output_rest_0"]
    given = {"tokens": torch.randint(7, (6, 5)), "scale": torch.rand(6)}
    session = onnxruntime.InferenceSession(done.files["onnx"].path.read_bytes(), providers=["CPUExecutionProvider"])
    logits, places = session.run(None, {name: one.numpy() for name, one in given.items()})
    expected = network(**given, twice=True)
    np.testing.assert_allclose(logits, expected["logits"].detach(), atol=1e-6)
    assert np.array_equal(places, expected["rest"][0])


def test_one_tensor_given_twice_with_a_gradient(tmp_path):
    class Both(nn.Linear):
        def forward(self, x, y):
            return super().forward(x) + y

    x = torch.randn(3, 4, requires_grad=True)
    assert not export(Both(4, 4).eval(), tmp_path, (x, x), kinds=["weights", "torch"]).failed


class Pooled(nn.Module):
    """A transformer of torch, which has a fused layer for inference, that no other program knows."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.layers, self.out = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.layers(x).mean(1))


def test_an_encoder_of_torch_is_exported_without_its_fused_layer():
    program = _program(Pooled().eval(), Batch(torch.randn(3, 5, 8)), True)
    assert not [node for node in program.graph.nodes if "_transformer_encoder_layer_fwd" in str(node.target)]
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.slow
def test_an_encoder_of_torch_is_written_as_onnx(tmp_path):
    done = export(Pooled().eval(), tmp_path, torch.randn(3, 5, 8), kinds=["onnx"])
    assert not done.failed, done.failed


def test_what_a_library_wraps_is_named():
    with pytest.raises(InvalidInputError, match=r"^it fails \(KeyError: 'svd'\)\.$"), _reported("it fails"):
        try:
            raise KeyError("svd")
        except KeyError as error:
            raise RuntimeError("This is step 3/3. Next steps:\n- report") from error


class Unknown(nn.Linear):
    """Singular values, which ONNX has not."""

    def forward(self, x):
        return torch.linalg.svdvals(super().forward(x)[:, :, None] * torch.ones(1, 2))


@pytest.mark.slow
def test_what_onnx_lacks_is_named(tmp_path):
    done = export(Unknown(4, 3).eval(), tmp_path, torch.randn(3, 4), kinds=["onnx"])
    assert re.fullmatch(r"torch cannot write the network as ONNX \(.*svd.*\)\.", done.failed["onnx"]), done.failed


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(9, 4), nn.Linear(4, 9, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, x):
        return self.out(self.embed(x).mean(1))


class Grouped(nn.Module):
    def forward(self, x):
        query = x.unflatten(-1, (4, 4)).transpose(1, 2)
        key = query[:, :2]
        return F.scaled_dot_product_attention(query, key, key, enable_gqa=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "example"),
    [
        (Tied(), torch.randint(9, (3, 5))),
        (Grouped(), torch.randn(3, 5, 16)),
        (nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU()).half(), torch.randn(3, 1, 8, 8).half()),
        (nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2), torch.randn(1, 5, 8)),
        (nn.Sequential(nn.LSTM(4, 8, batch_first=True)), torch.randn(3, 5, 4)),
        (nn.Sequential(nn.Linear(4, 4), nn.Softmax(-1)), 1e4 * torch.randn(3, 4)),
        (nn.AdaptiveAvgPool2d(3), torch.randn(3, 1, 8, 8)),
    ],
    ids=["tied", "grouped queries", "half", "encoder", "lstm", "saturated", "adaptive pooling"],
)  # fmt: skip
def test_kinds_of_networks(tmp_path, network, example):
    done = export(network.eval(), tmp_path, example)
    assert not done.failed, done.failed


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64], ids=str)
def test_what_onnxruntime_lacks_costs_only_the_onnx_file(tmp_path, dtype):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()).to(dtype).eval()
    done = export(network, tmp_path, torch.randn(3, 1, 6, 6, dtype=dtype))
    assert set(done.files) == {"weights", "torch"} and " cannot " in done.failed["onnx"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["network.pt2", "network.safetensors"]


def test_files_that_are_there_are_not_replaced_unasked(tmp_path):
    network, example = nn.Linear(4, 3).eval(), torch.randn(3, 4)
    (tmp_path / "network.pt2").write_text("precious")
    with pytest.raises(
        InvalidInputError, match=r"network\.pt2 exists already: give another folder or name, or overwrite"
    ):
        export(network, tmp_path, example)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["network.pt2"]
    export(network, tmp_path, example, kinds="weights")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(InvalidInputError, match=r"a\.json exists already"):
        export(network, tmp_path, example, kinds="weights", name="a")
    done = export(Branch().eval(), tmp_path, example, kinds=["weights", "torch"], overwrite=True)
    assert done.failed["torch"].endswith("The file of this name is from an earlier export.")
    assert (tmp_path / "network.pt2").read_text() == "precious"
    load_weights(Branch(), tmp_path / "network.safetensors")


def test_folders_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"is not a folder\. Give another folder"):
        export(nn.Linear(4, 3).eval(), tmp_path / "file" / "inner", torch.randn(3, 4), kinds=["weights"])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of files")
def test_a_full_disk_costs_what_does_not_fit(tmp_path):
    script = (
        "import resource, signal, torch; from zcbench.supernets import export\n"
        "if __name__ == '__main__':\n"
        "    network = torch.nn.Linear(4, 3).eval(); example = torch.randn(3, 4)\n"
        "    export(network, 'warm', example, kinds=['torch'])\n"
        "    signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "    done = export(network, 'out', example, kinds=['weights', 'torch'])\n"
        "    print(sorted(done.files), done.failed['torch'])\n"
    )
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("['weights'] cannot write to "), done.stderr
    assert "Make room" in done.stdout and sorted(one.name for one in (tmp_path / "out").iterdir()) == [
        "network.safetensors"
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_kill_leaves_no_half_file(tmp_path):
    """It is killed while it compares the file that it has written under a temporary name."""
    script = (
        "import sys, time, torch; import zcbench.supernets; from zcbench.supernets import export\n"
        "module = sys.modules['zcbench.supernets._export']\n"
        "def compare(self, content):\n"
        "    print('written', flush=True); time.sleep(60)\n"
        "module._Work._compare_weights = compare\n"
        "export(torch.nn.Linear(4, 3).eval(), 'out', torch.randn(3, 4))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"written\n"
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    assert not [one for one in (tmp_path / "out").iterdir() if not one.name.startswith(".zcbench-")]
    export(nn.Linear(4, 3).eval(), tmp_path / "out", torch.randn(3, 4), kinds="weights")
    (left,) = [one for one in (tmp_path / "out").iterdir() if one.name.startswith(".zcbench-")]
    os.utime(left, (time.time() - 1e6,) * 2)
    export(nn.Linear(4, 3).eval(), tmp_path / "out", torch.randn(3, 4), kinds="weights", name="b")
    assert not left.exists()


def test_a_file_that_computes_something_else_is_not_written(tmp_path, monkeypatch):
    """An exporter that forgets the bias."""
    true_export = torch.export.export

    def forgetful(network, *args, **kwargs):
        program = true_export(network, *args, **kwargs)
        program.state_dict["bias"] = nn.Parameter(torch.zeros(3))
        return program

    monkeypatch.setattr(torch.export, "export", forgetful)
    done = export(nn.Linear(4, 3).eval(), tmp_path, torch.randn(3, 4))
    assert "its numbers differ from the network's by" in done.failed["torch"]
    assert "its numbers differ from the network's by" in done.failed["onnx"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["network.safetensors"]


def test_without_onnx_the_rest_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    done = export(nn.Linear(4, 3).eval(), tmp_path, torch.randn(3, 4))
    assert set(done.files) == {"weights", "torch"}
    assert done.failed["onnx"] == (
        "an export to ONNX needs the package 'onnxscript', which is not installed: run  pip install \"zcbench[onnx]\""
    )
