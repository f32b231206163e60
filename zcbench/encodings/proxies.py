"""Scores of training-free proxies as features."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np

from zcbench.encodings._base import Floats, Needs
from zcbench.encodings._feed import Feed, TableEncoding
from zcbench.encodings._register import register_encoding
from zcbench.proxies import resolve, score_architecture
from zcbench.types import Architecture, Batch, SearchSpace

#: The proxies of "proxies" without brackets: one pass of each kind, none that trains.
DEFAULT = ("params", "flops", "num_layers", "synflow_log", "naswot", "jacov", "grad_norm", "snip", "zen")


@register_encoding("proxies", arguments="params+naswot")
class ProxyEncoding(TableEncoding):
    """Scores of proxies, one column each, measured if no table has them; nan for a missing score.

    If a score is not known, the network is built and scored on a batch. Known scores (of a store of records, or of a
    paper's table) come from a table; see :meth:`fed`.

    Args:
        members: labels or patterns of proxies; default :data:`DEFAULT`.
        batch: the batch; default 32 samples of noise, or of Python's help texts for language models.
        classes: number of outputs of the networks.
        seed: determines the networks' weights.
        space: the search space, if it is not a registered one.

    Raises:
        UnknownNameError: there is no such proxy.
    """

    from_table = False

    def __init__(
        self,
        members: Iterable[str] | None = None,
        *,
        batch: Batch | None = None,
        classes: int = 10,
        seed: int = 0,
        space: SearchSpace | None = None,
    ) -> None:
        self.members = tuple(info.label for info in resolve(DEFAULT if members is None else members))
        super().__init__("proxies" if members is None else f"proxies({'+'.join(self.members)})")
        self.space = space
        self.batch = batch
        self.classes = classes
        self.seed = seed
        self.needs = Needs(proxies=self.members)

    @classmethod
    def read(cls, *members: str) -> ProxyEncoding:
        """Read labels or patterns of proxies."""
        return cls(members or None)

    def fed(self, feeds: Sequence[Feed]) -> Self:
        """Return the same encoding with the scores of these tables."""
        made = super().fed(feeds)
        made.from_table = True  # scores that are measured here may use other samples
        return made

    def look_up(self, feed: Feed) -> Floats:
        """Return the scores ``(n, members)``."""
        return np.stack([feed.score(label) for label in self.members], axis=1)

    def _bytes(self, rows: Floats) -> bytes:
        return rows.T.tobytes()  # column by column, as in earlier trials

    def _encode(self, architecture: Architecture) -> Floats:
        space = self._space_of(architecture)
        batch = self.batch if self.batch is not None else stand_in(space)
        scores = score_architecture(
            lambda: space, architecture, self.members, batch, classes=self.classes, seed=self.seed
        )
        found = {label: float(score) for label, score in scores}
        return np.array([found[member] for member in self.members])


def stand_in(space: SearchSpace) -> Batch:
    """Return the default batch of a space's networks: 32 samples of noise, or of Python's help texts."""
    from zcbench.batches import get_batch

    if len(space.input_shape) != 3:
        return get_batch("pydoc", 32)
    channels, side, _ = space.input_shape
    noise = get_batch(f"noise@{side}", 32)
    return Batch(noise.map(lambda images: images[:, :channels]), noise.targets, noise.provenance)
