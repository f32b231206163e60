"""The work of a worker that scores networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import parent_process

from zcbench import devices
from zcbench._code import code_digest, joined_codes
from zcbench._imports import import_as_begun, space_named
from zcbench._workers import Begin
from zcbench.proxies import get_proxy, score_architecture
from zcbench.types import Architecture, Batch, Score, Status


@dataclass(frozen=True)
class NetworkScoring:
    """The settings that all architectures of a run share.

    Attributes:
        space: name of the search space, or file and function of user-defined networks, "my_networks.py:build".
        classes: number of outputs.
        batch: inputs and targets for all networks.
        seed: seed of the run.
        imports: Python files that register further proxies.
        training_data: training data of proxies with "epochs" or "steps".
        codes: by label of a proxy, the digest of user-defined code at the start of the run.
    """

    space: str
    classes: int
    batch: Batch
    seed: int
    imports: tuple[str, ...] = ()
    training_data: Batch | None = None
    codes: Mapping[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Import the files that register user-defined proxies.

        Raises:
            InvalidInputError: the code has changed since the start of the run.
        """
        import_as_begun(self.imports, self.codes, self.code)

    def code(self, label: str) -> str:
        """Return the digest of user-defined code of a proxy and of the networks; "" without such code."""
        return joined_codes(get_proxy(label).code, code_digest(space_named(self.space)))

    def results(self, key: str, parts: Sequence[str], begin: Begin = str) -> Iterator[tuple[str, Score]]:
        """Yield (proxy, score) for one architecture as soon as each score exists."""
        scores = score_architecture(
            lambda: space_named(self.space),
            Architecture(self.space, key),
            parts,
            self.batch,
            classes=self.classes,
            seed=self.seed,
            training_data=self.training_data,
            begin=begin,
        )
        for label, score in scores:
            yield label, score
            if devices.is_broken(score.detail) and parent_process() is not None:
                begin(label)  # announces the work; the parent gives the rest to a new process
                raise SystemExit(1)

    def lost(self, status: Status, reason: str, seconds: float) -> Score:
        """Return the score of a proxy whose worker died or was stopped."""
        return Score(None, status, seconds, reason)
