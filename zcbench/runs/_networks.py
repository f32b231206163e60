"""What a worker is told, and how it finds networks and files of the user's own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from zcbench._foreign import Foreign
from zcbench._process import stable_seed
from zcbench.errors import InvalidInputError
from zcbench.proxies import score_architecture
from zcbench.runs._workers import Begin
from zcbench.spaces import FactorySpace, get_space
from zcbench.types import Architecture, Batch, Score, SearchSpace, Status


@dataclass(frozen=True)
class Job:
    """What is the same for all architectures of a run.

    Attributes:
        space: name of the search space, or the file and function of one's own networks, "my_networks.py:build".
        classes: number of outputs.
        batch: inputs and targets for all networks.
        seed: seed of the run.
        imports: Python files that register further proxies.
        training_data: what proxies with "epochs" or "steps" train on.
    """

    space: str
    classes: int
    batch: Batch
    seed: int
    imports: tuple[str, ...] = ()
    training_data: Batch | None = None

    def prepare(self) -> None:
        """Import what registers further proxies."""
        for path in self.imports:
            import_file(path)

    def results(self, key: str, parts: Sequence[str], begin: Begin = str) -> Iterator[tuple[str, Score]]:
        """Yield (proxy, score) for one architecture as soon as each score exists."""
        yield from score_architecture(
            lambda: space_named(self.space),
            Architecture(self.space, key),
            parts,
            self.batch,
            classes=self.classes,
            seed=self.seed,
            training_data=self.training_data,
            begin=begin,
        )

    def lost(self, status: Status, reason: str, seconds: float) -> Score:
        """The score of a proxy that has none because its worker died, or was stopped."""
        return Score(None, status, seconds, reason)


def space_named(name: str) -> SearchSpace:
    """The search space of that name; for "file.py:function" the one whose networks the function builds.

    Raises:
        UnknownNameError: there is no such search space.
        InvalidInputError: the file cannot be imported, or has no such function.
    """
    file, colon, function = name.rpartition(":")
    if not (colon and file.endswith(".py")):
        return get_space(name)
    module, build = import_file(file), None
    with Foreign():  # a module may have a __getattr__ of its own
        build = getattr(module, function, None)
    if not callable(build):
        raise InvalidInputError(f"{file} has no function {function!r}: write  --factory FILE.py:FUNCTION")
    return FactorySpace(name, build)


def import_file(path: str) -> ModuleType:
    """Run a Python file, once, for what it registers or defines.

    Raises:
        InvalidInputError: the file does not exist or raises.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise InvalidInputError(f"{path} is not a file: give a Python file.")
    name = f"zcbench_import_{stable_seed(file)}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InvalidInputError(f"{path} is not a Python file: its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    done = False
    try:
        with Foreign() as call:
            spec.loader.exec_module(module)
        done = call.kind is None
    finally:
        if not done:
            sys.modules.pop(name, None)
    if call.kind is not None:
        raise InvalidInputError(f"{path} could not be imported: {call.reason}")
    return module
