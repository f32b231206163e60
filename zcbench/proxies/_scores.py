"""Scores by the names that were requested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zcbench.errors import ZcbenchError
from zcbench.proxies._register import get_proxy
from zcbench.types import ProxyInfo, Score


class ScoresByName(dict[str, Score]):
    """A dictionary from requested names of proxies to scores.

    A look-up accepts every text that names the same proxy with the same settings: the score requested as
    "zico:batches=2" is also found as "zico", because two batches are the default.
    """

    def __init__(self, asked: Mapping[str, ProxyInfo], found: Mapping[str, Score]) -> None:
        """Create the dictionary; ``found`` holds the scores by label."""
        super().__init__({text: found[info.label] for text, info in asked.items()})
        self._by_label = {info.label: text for text, info in asked.items()}

    def __missing__(self, text: str) -> Score:
        return self[self._by_label[self._label(text)]]

    def __contains__(self, text: object) -> bool:
        return super().__contains__(text) or (isinstance(text, str) and self._label(text) in self._by_label)

    def get(self, text: str, default: Any = None) -> Any:
        """Return the score of the proxy that the text names, or ``default`` if it was not requested."""
        try:
            return self[text]
        except KeyError:
            return default

    @staticmethod
    def _label(text: str) -> str:
        """Return the label of the proxy that the text names, or the text itself."""
        try:
            return get_proxy(text).label
        except ZcbenchError:
            return text
