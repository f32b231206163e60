"""The conditions under which a proxy is measured, and the records of runs and searches that contain them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench._code import code_digest, joined_codes
from zcbench.records import Record, Records
from zcbench.scorers._context import Context
from zcbench.types import Architecture, Batch, ProxyInfo, Score, SearchSpace


def codes_of(infos: Iterable[ProxyInfo], space: SearchSpace) -> dict[str, str]:
    """Return, by label, the digest of user code of a proxy and of the space's networks; "" if there is none."""
    networks = code_digest(space)
    return {info.label: joined_codes(info.code, networks) for info in infos}


@dataclass(frozen=True)
class Measurement:
    """The values that records of one table, batch and seed share.

    Attributes:
        benchmark: name and version of the table.
        batch: provenance of the batch.
        seed: seed of the run.
    """

    benchmark: str
    batch: str
    seed: int

    def has(self, records: Records) -> NDArray[np.bool_]:
        """Return which records are of this table, batch and seed, ``(records,)``."""
        same: NDArray[np.bool_] = records.numbers("seed") == self.seed
        return same & records.has("benchmark", self.benchmark) & records.has("batch", self.batch)

    def proxy_of(self, key: Any) -> tuple[str, str] | None:
        """Return the proxy with its version, and its code digest, of the record with this key; None if it differs."""
        benchmark, _, proxy, seed, batch, code = key
        return (proxy, code) if (benchmark, seed, batch) == (self.benchmark, self.seed, self.batch) else None

    def record(
        self,
        architecture: str,
        network: str,
        info: ProxyInfo,
        code: str,
        score: Score,
        environment: str,
        sample: str = "",
    ) -> Record:
        """Create the record of a score.

        Args:
            architecture: its string.
            network: string of its canonical form, which was measured.
            info: the proxy.
            code: see :func:`codes_of`.
            score: the result.
            environment: id of its description.
            sample: SHA-256 of the run's list of architectures.
        """
        return Record(
            benchmark=self.benchmark,
            architecture=architecture,
            proxy=info.identifier,
            seed=self.seed,
            batch=self.batch,
            score=score,
            network=network if network != architecture else "",
            higher_is_better=info.higher_is_better,
            environment=environment,
            code=code,
            sample=sample,
        )


@dataclass(frozen=True)
class Conditions:
    """How one proxy is measured in a context.

    Attributes:
        context: the task.
        info: the proxy.
        code: digest of user code of the proxy and the networks.
        batch: the input of the networks; it has a provenance.
        measurement: the values that its records share, equal to those of a run with the same table, samples and seed.
    """

    context: Context
    info: ProxyInfo
    code: str
    batch: Batch
    measurement: Measurement

    @classmethod
    def of(cls, context: Context, info: ProxyInfo) -> Conditions:
        """Return the conditions of a proxy in a context."""
        batch = _named(context.batch)
        name = batch.provenance
        table = context.benchmark
        usual = 10 if table is None else table.classes[table.target(context.target).dataset]
        if context.outputs != usual:  # no run of the table has such networks
            name += f"/{context.outputs} classes"
        if any(info.trained) and context.samples is None:
            name += "/trained on them"
        identifier = f"{folder_of(context)}@1" if table is None else table.identifier
        code = codes_of([info], context.space)[info.label]
        return cls(context, info, code, batch, Measurement(identifier, name, context.seed))

    @property
    def folder(self) -> str:
        """The folder name of these records in a store."""
        return folder_of(self.context)

    @property
    def identifier(self) -> str:
        """Text that identifies all inputs of a score."""
        found = f"{self.info.identifier} on {self.measurement.batch} of {self.measurement.benchmark}"
        return f"{found}, seed {self.measurement.seed}" + (f", code {self.code}" if self.code else "")

    @property
    def training_data(self) -> Batch | None:
        """The data that the proxy trains on, if it does."""
        return self.context.training_data if any(self.info.trained) else None

    def has(self, records: Records) -> NDArray[np.bool_]:
        """Return which records are of this measurement, ``(records,)``."""
        return (
            self.measurement.has(records) & records.has("proxy", self.info.identifier) & records.has("code", self.code)
        )

    def has_key(self, key: Any) -> bool:
        """Return whether the record with this key is of this measurement."""
        return self.measurement.proxy_of(key) == (self.info.identifier, self.code)

    def record(self, architecture: Architecture, network: Architecture, score: Score, environment: str) -> Record:
        """Create the record of a score."""
        return self.measurement.record(architecture.key, network.key, self.info, self.code, score, environment)


def folder_of(context: Context) -> str:
    """Return the folder name of a task's records in a store: that of the table, or one made from the space's name."""
    if context.benchmark is not None:
        return context.benchmark.name
    return "space-" + "".join(c if c.isalnum() or c in "-_." else "_" for c in context.space.name)


def _named(batch: Batch) -> Batch:
    """Return the batch with a provenance, which is a digest of its contents if it has none."""
    if batch.provenance:
        return batch
    content = hashlib.sha256()
    tensors = [*batch.tensors(), *([] if batch.targets is None else [batch.targets])]
    for tensor in tensors:
        content.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        content.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return replace(batch, provenance=f"own/{content.hexdigest()[:12]}/{len(batch)}")
