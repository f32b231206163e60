"""TabPFN, with weights that you provide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zcbench.errors import DataMissingError, MissingDependencyError
from zcbench.predictors._base import VectorPredictor
from zcbench.predictors._register import register_predictor
from zcbench.predictors._targets import Floats

if TYPE_CHECKING:
    from zcbench.encodings import Encoding


@register_predictor(
    "tabpfn",
    reference="N. Hollmann et al., 'Accurate predictions on small data with a tabular foundation model', Nature 637",
    extra="tabpfn",
)
class TabPFN(VectorPredictor):
    """A transformer that was trained on synthetic tables and receives yours as its context. Nothing is downloaded.

    Its weights have a separate licence: get the regressor's checkpoint from its authors and give its path.

    Args:
        encoding: vectors, at most 500 columns; 10,000 networks at most.
        weights: path of the checkpoint.
        targets: "standard" or "ranks".
        seed: TabPFN's random state.

    Raises:
        DataMissingError: at ``fit``: there is no file at ``weights``.
        MissingDependencyError: at ``fit``: the package is not installed.
    """

    def __init__(
        self, encoding: str | Encoding = "onehot+stats", weights: str = "", targets: str = "ranks", seed: int = 0
    ) -> None:
        super().__init__(encoding, targets, seed)
        self.weights = weights

    def _learn(self, x: Floats, y: Floats) -> None:
        try:
            from tabpfn import TabPFNRegressor
        except ImportError:
            raise MissingDependencyError("tabpfn", "tabpfn", "the predictor tabpfn") from None
        if not self.weights or not Path(self.weights).is_file():
            where = f"there is none at {self.weights!r}" if self.weights else "none was named"
            raise DataMissingError(
                f"TabPFN needs its weights, and {where}: download a regressor's checkpoint from its authors and write "
                "tabpfn:weights=PATH."
            )
        self.model_ = TabPFNRegressor(model_path=self.weights, device="cpu", random_state=self.seed).fit(x, y)

    def _value(self, x: Floats) -> Floats:
        value: Floats = self.model_.predict(x)
        return value
