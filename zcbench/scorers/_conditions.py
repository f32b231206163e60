"""Under which conditions a proxy is measured, and the records that say so: of runs and of searches alike."""

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
    """By label, the digest of what strangers wrote of a proxy and of the space's networks; "" if nothing."""
    networks = code_digest(space)
    return {info.label: joined_codes(info.code, networks) for info in infos}


@dataclass(frozen=True)
class Measurement:
    """What records of one table, batch and seed share.

    Attributes:
        benchmark: name and version of the table.
        batch: provenance of the batch.
        seed: of the run.
    """

    benchmark: str
    batch: str
    seed: int

    def has(self, records: Records) -> NDArray[np.bool_]:
        """Which records are of this table, batch and seed, ``(records,)``."""
        same: NDArray[np.bool_] = records.numbers("seed") == self.seed
        return same & records.has("benchmark", self.benchmark) & records.has("batch", self.batch)

    def proxy_of(self, key: Any) -> tuple[str, str] | None:
        """Proxy with its version, and digest of its code, of the record with this key; None for one of others."""
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
        """The record of a score.

        Args:
            architecture: its string.
            network: string of its canonical form, which was measured.
            info: the proxy.
            code: see :func:`codes_of`.
            score: the outcome.
            environment: id of its description.
            sample: SHA-256 of the list of architectures that a run was given.
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
        code: digest of what strangers wrote of the proxy and the networks.
        batch: what the networks see; it has a provenance.
        measurement: what its records share. It is what a run of the same table, samples and seed has.
    """

    context: Context
    info: ProxyInfo
    code: str
    batch: Batch
    measurement: Measurement

    @classmethod
    def of(cls, context: Context, info: ProxyInfo) -> Conditions:
        """The conditions of a proxy in a context."""
        batch = _named(context.batch)
        name = batch.provenance
        table = context.benchmark
        usual = 10 if table is None else table.classes[table.target(context.target).dataset]
        if context.outputs != usual:  # networks that no run of the table has
            name += f"/{context.outputs} classes"
        if any(info.trained) and context.samples is None:
            name += "/trained on them"
        identifier = f"{folder_of(context)}@1" if table is None else table.identifier
        code = codes_of([info], context.space)[info.label]
        return cls(context, info, code, batch, Measurement(identifier, name, context.seed))

    @property
    def folder(self) -> str:
        """The name under which a store keeps such records."""
        return folder_of(self.context)

    @property
    def identifier(self) -> str:
        """Everything that a score depends on, as text."""
        found = f"{self.info.identifier} on {self.measurement.batch} of {self.measurement.benchmark}"
        return f"{found}, seed {self.measurement.seed}" + (f", code {self.code}" if self.code else "")

    @property
    def training_data(self) -> Batch | None:
        """What the proxy trains on, if it does."""
        return self.context.training_data if any(self.info.trained) else None

    def has(self, records: Records) -> NDArray[np.bool_]:
        """Which records are of this very measurement, ``(records,)``."""
        return (
            self.measurement.has(records) & records.has("proxy", self.info.identifier) & records.has("code", self.code)
        )

    def has_key(self, key: Any) -> bool:
        """Whether the record with this key is of this very measurement."""
        return self.measurement.proxy_of(key) == (self.info.identifier, self.code)

    def record(self, architecture: Architecture, network: Architecture, score: Score, environment: str) -> Record:
        """The record of a score."""
        return self.measurement.record(architecture.key, network.key, self.info, self.code, score, environment)


def folder_of(context: Context) -> str:
    """The name under which a store keeps records of a task: the table's, or one made of the space's."""
    if context.benchmark is not None:
        return context.benchmark.name
    return "space-" + "".join(c if c.isalnum() or c in "-_." else "_" for c in context.space.name)


def _named(batch: Batch) -> Batch:
    """The batch with a provenance: a digest of what it holds, where it has none."""
    if batch.provenance:
        return batch
    content = hashlib.sha256()
    tensors = [*batch.tensors(), *([] if batch.targets is None else [batch.targets])]
    for tensor in tensors:
        content.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        content.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return replace(batch, provenance=f"own/{content.hexdigest()[:12]}/{len(batch)}")
