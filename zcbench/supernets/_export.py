"""Export of networks as weights, ``torch.export`` and ONNX; each is written only if it computes the same.

ONNX files are made from ``torch.export``. The older, tracing exporter of torch is faster (0.1 s instead of 2 to 6 s for
the embedded spaces). But for a network whose control flow depends on values, it exports one branch without an error,
while this one refuses. It also lacks operations (grouped queries).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import keystr, tree_flatten_with_path, tree_leaves

from zcbench import _arguments as rules
from zcbench._display import many
from zcbench._files import whole
from zcbench._foreign import Foreign
from zcbench.errors import InvalidInputError, MissingDependencyError, StoreError, ZcbenchError, first_line
from zcbench.probe._snapshot import untouched
from zcbench.probe.calling import invoke
from zcbench.supernets._agreement import Trial, trials
from zcbench.supernets._exportable import KINDS, about_of, check_free, check_name, kinds_of, standing_alone
from zcbench.supernets.weights import packed, unpacked
from zcbench.types import Architecture, Batch, Inputs

_ADVICE = "give another folder."
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class ExportedFile:
    """A file that was written, read again and compared with the network.

    Attributes:
        kind: "weights", "torch" or "onnx".
        path: path of the file.
        sha256: digest of its content.
        size: size in bytes.
        seconds: seconds for writing and comparing.
        difference: largest absolute difference of a number from the network's; 0 for weights.
        share: largest difference relative to its tensor's largest number.
        batches: numbers of samples that were compared.
        details: versions of the exporting packages, and names of inputs and outputs.
    """

    kind: str
    path: Path
    sha256: str
    size: int
    seconds: float
    difference: float
    share: float
    batches: tuple[int, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Exported:
    """The files of :func:`export`, and a sentence for each that could not be written.

    Attributes:
        folder: folder of the files.
        name: beginning of their names.
        files: the files, by kind.
        failed: a reason, by kind.
        about: class, architecture and, if it was verified, the code that builds the network.
    """

    folder: Path
    name: str
    files: Mapping[str, ExportedFile]
    failed: Mapping[str, str]
    about: Mapping[str, Any]


def export(
    network: nn.Module,
    folder: str | os.PathLike[str],
    example: Inputs,
    *,
    name: str = "network",
    kinds: Iterable[str] = tuple(KINDS),
    architecture: Architecture | None = None,
    dynamic: bool = True,
    overwrite: bool = False,
) -> Exported:
    """Write a stand-alone network into files that work without zcbench.

    A file is written in one step, and only if it computes the same as the network, for the example and for similar
    samples in batches of 1, 2, 3 and more than twice as many. Numbers of float32 may differ by 1e-5 of the largest one
    plus four times the difference between the network and its copy in float64, but never by more than 1e-4. A kind that
    cannot be written has a sentence in ``failed`` and does not affect the others. The network is not changed.

    Args:
        network: in evaluation mode, on the CPU.
        folder: it is created if it does not exist.
        example: inputs in the network's form; the first dimension of every tensor counts samples.
        name: name of the files, without suffix.
        kinds: some of "weights" (a state dictionary, safetensors), "torch" (``torch.export``, .pt2), "onnx".
        architecture: the network's architecture in its search space; the file of weights then says how to build it.
        dynamic: whether the exported network takes any number of samples, or only the example's.
        overwrite: whether files of this name are replaced.

    Raises:
        InvalidInputError: it is not a stand-alone network in evaluation mode, an argument is out of range, or a file of
            this name exists.
        StoreError: nothing could be written into the folder.
    """
    wanted = kinds_of(kinds)
    place = Path(rules.path("the folder", folder))
    check_name(name)
    for what, flag in (("dynamic", dynamic), ("overwrite", overwrite)):
        rules.flag(what, flag)
    batch = Batch(example)
    network = standing_alone(network, batch)
    batch = Batch(batch.map(lambda one: one.detach()))
    if not overwrite:
        check_free(place, name, wanted)
    about = about_of(network, batch, architecture)
    work = _Work(network, batch, dynamic, about)
    files: dict[str, ExportedFile] = {}
    failed: dict[str, str] = {}
    refused: StoreError | None = None
    for kind in wanted:
        path = place / f"{name}{KINDS[kind]}"
        try:
            files[kind] = work.written(kind, path)
        except ZcbenchError as error:
            refused = error if isinstance(error, StoreError) else refused
            left = " The file of this name is from an earlier export." if path.exists() else ""
            failed[kind] = f"{error}{left}"
    if refused is not None and not files:
        raise refused
    return Exported(place, name, files, failed, about)


class _Work:
    """One export; parts that all kinds share are computed at first use, and fail for each kind in the same way."""

    def __init__(self, network: nn.Module, batch: Batch, dynamic: bool, about: Mapping[str, Any]) -> None:
        self.network, self.batch, self.dynamic, self.about = network, batch, dynamic, about
        self._trials: list[Trial] | ZcbenchError | None = None
        self._program: Any = None

    def written(self, kind: str, path: Path) -> ExportedFile:
        """Write a file, read it again, and compare."""
        began = time.perf_counter()
        make: Callable[[], tuple[bytes, dict[str, Any]]] = getattr(self, f"_{kind}")
        compare: Callable[[bytes], tuple[float, float]] = getattr(self, f"_compare_{kind}")
        content, details = make()
        with whole(path, _ADVICE) as fresh:
            fresh.write_bytes(content)
            content = fresh.read_bytes()
            difference, share = compare(content)
        batches = () if kind == "weights" else tuple(dict.fromkeys(trial.size for trial in self.trials))
        digest = hashlib.sha256(content).hexdigest()
        return ExportedFile(
            kind, path, digest, len(content), time.perf_counter() - began, difference, share, batches, details
        )

    @property
    def trials(self) -> list[Trial]:
        """Inputs with the network's outputs."""
        if self._trials is None:
            try:
                with untouched(self.network):
                    self._trials = trials(self.network, self.batch, dynamic=self.dynamic)
            except ZcbenchError as error:
                self._trials = error
        if isinstance(self._trials, ZcbenchError):
            raise self._trials
        return self._trials

    # -- weights -----------------------------------------------------------------------------------

    def _weights(self) -> tuple[bytes, dict[str, Any]]:
        return packed(self.network, self.about), {}

    def _compare_weights(self, content: bytes) -> tuple[float, float]:
        found, _ = unpacked(content)
        for name, value in self.network.state_dict().items():
            if not torch.equal(found[name], value):
                raise InvalidInputError(f"the network's {name!r} was changed while it was written: export it again.")
        return 0.0, 0.0

    # -- torch.export ------------------------------------------------------------------------------

    @property
    def program(self) -> Any:
        """The network in the form of ``torch.export``."""
        if self._program is None:
            assert self.trials  # a network that cannot be compared is not exported
            with untouched(self.network):
                self._program = _program(self.network, self.batch, self.dynamic)
        if isinstance(self._program, ZcbenchError):
            raise self._program
        return self._program

    def _torch(self) -> tuple[bytes, dict[str, Any]]:
        program, buffer = self.program, io.BytesIO()
        with _reported("torch.export cannot write the network"):
            torch.export.save(program, buffer)
        return buffer.getvalue(), {"torch": torch.__version__}

    def _compare_torch(self, content: bytes) -> tuple[float, float]:
        with _reported("torch.export cannot read what it wrote"):
            again = torch.export.load(io.BytesIO(content)).module()
        found = []
        for trial in self.trials:
            with _reported(f"the exported network fails for {many(trial.size, 'sample')}"), torch.no_grad():
                output = tree_leaves(invoke(again, Batch(trial.inputs).map(torch.clone)))
            found.append(trial.difference([one for one in output if isinstance(one, Tensor)]))
        return _largest(found)

    # -- ONNX --------------------------------------------------------------------------------------

    def _onnx(self) -> tuple[bytes, dict[str, Any]]:
        onnx = _needed("onnx", "onnxscript", "onnxruntime")
        program = self.program
        with untouched(self.network), torch.no_grad():
            names = _names(invoke(self.network, self.batch.map(torch.clone)))
        with _reported("torch cannot write the network as ONNX"):
            model = torch.onnx.export(program, dynamo=True, output_names=names, verbose=False).model_proto  # type: ignore[union-attr]
            for part in (model.graph, *model.functions):
                for node in part.node:  # paths and lines of the user's code
                    del node.metadata_props[:]
                    node.doc_string = ""
            for key, value in self.about.items():
                onnx.helper.set_model_props(model, {**{p.key: p.value for p in model.metadata_props}, key: str(value)})
            onnx.checker.check_model(model, full_check=True)
            content = model.SerializeToString(deterministic=True)
        details = {
            "opset": next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx")),
            "inputs": [one.name for one in model.graph.input],
            "outputs": [one.name for one in model.graph.output],
            **{package: __import__(package).__version__ for package in ("onnx", "onnxruntime", "onnxscript", "torch")},
        }
        return bytes(content), details

    def _compare_onnx(self, content: bytes) -> tuple[float, float]:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        with _reported("onnxruntime cannot load the network"):
            session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        wanted = [one.name for one in session.get_inputs()]
        found = []
        for trial in self.trials:
            given = fed(wanted, trial.inputs)
            with _reported(f"onnxruntime fails for {many(trial.size, 'sample')}"):
                output = [torch.as_tensor(one) for one in session.run(None, given)]
            found.append(trial.difference(output))
        return _largest(found)


def _largest(differences: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return max(one for one, _ in differences), max(share for _, share in differences)


def _program(network: nn.Module, batch: Batch, dynamic: bool) -> Any:
    """Export the network with ``torch.export``; return an error if it refuses."""
    if dynamic and len(batch) == 1:  # the size 1 would be exported as a constant
        batch = Batch(batch.map(lambda one: torch.cat([one, one])))
    inputs = batch.inputs
    args = () if isinstance(inputs, Mapping) else inputs if isinstance(inputs, tuple) else (inputs,)
    kwargs = dict(inputs) if isinstance(inputs, Mapping) else {}
    shapes: Any = None
    reasons = []
    for strict in (False, True):  # the second traces the code, and supports more of NumPy
        with _quiet(), Foreign() as call, torch.no_grad(), _plain_attention():
            if dynamic:
                found: Any = torch.export.ShapesCollection()  # type: ignore[no-untyped-call]
                samples = {0: torch.export.Dim("batch")}
                for one in batch.tensors():
                    found[one] = samples
                shapes = found.dynamic_shapes(network, args, kwargs)
            program = torch.export.export(network, args, kwargs, dynamic_shapes=shapes, strict=strict)
            for node in program.graph.nodes:  # paths and lines of the user's code
                node.meta.pop("stack_trace", None)
        if call.kind is None:
            return program
        reasons.append(_COLOURS.sub("", call.said))
    advice = "or export it with dynamic=False, for batches of one size" if dynamic else "for example with torch.where"
    return InvalidInputError(
        f"torch.export refuses the network ({reasons[0]}): control flow that depends on values, and sizes that are "
        f"fixed in the code, cannot be exported. Change them, {advice}."
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress warnings, logs and output of libraries, because their exceptions contain the same information."""
    disabled = logging.root.manager.disable
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(disabled)


@contextlib.contextmanager
def _plain_attention() -> Iterator[None]:
    """Disable torch's fused inference layer of encoders, which other programs do not have."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


@contextlib.contextmanager
def _reported(what: str) -> Iterator[None]:
    """Call a library, and convert its exception to a sentence.

    Raises:
        InvalidInputError: it raised an exception.
    """
    cause: list[str] = []
    with _quiet(), Foreign() as call:
        try:
            yield
        except Exception as error:  # exporters wrap the original exception, with advice on top
            first = error
            while first.__cause__ is not None:
                first = first.__cause__  # type: ignore[assignment]
            if first is not error:
                cause.append(first_line(first))
            raise
    if call.kind is not None:
        said = _COLOURS.sub("", cause[0] if cause else call.said).rstrip(". ")
        raise InvalidInputError(f"{what} ({said}).")


def fed(names: Sequence[str], inputs: Inputs) -> dict[str, Any]:
    """Return the inputs of an ONNX network by their names, or in order if the names differ."""
    tensors = Batch(inputs).tensors()
    if len(tensors) != len(names):
        raise InvalidInputError(
            f"the network has {many(len(tensors), 'input')}, but its ONNX form has {len(names)}: remove inputs that "
            "change nothing."
        )
    if isinstance(inputs, Mapping) and all(name in inputs for name in names):
        tensors = [inputs[name] for name in names]
    return {name: one.detach().numpy() for name, one in zip(names, tensors, strict=True)}


def _needed(*packages: str) -> Any:
    """Return the first of these packages; raise MissingDependencyError if any is not installed."""
    for package in packages:
        try:
            __import__(package)
        except ImportError:
            raise MissingDependencyError(package, "onnx", "an export to ONNX") from None
    return __import__(packages[0])


def _names(output: Any) -> list[str]:
    """Return names of the returned tensors: their keys or positions; "output" for a single one."""
    leaves = [(path, one) for path, one in tree_flatten_with_path(output)[0] if isinstance(one, Tensor)]
    if len(leaves) == 1 and not leaves[0][0]:
        return ["output"]
    return [re.sub(r"\W+", "_", f"output{keystr(path)}").strip("_") for path, _ in leaves]
