"""The text of chars-rnn and chars-bert as numbers: Python's reference, character by character.

Source: ``pydoc_data.topics`` of CPython 3.11.7, the texts of ``help()``. Copyright Python Software Foundation,
PSF License version 2 (``data/LICENSE.pydoc_topics``). ``tools/make_text.py`` makes the file.
"""

from __future__ import annotations

import functools
import lzma
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FILE = Path(__file__).parent / "data" / "pydoc_topics.txt.xz"
#: characters with fewer occurrences in the training part are "other"
_RARE = 20
#: blocks of characters are assigned to the parts in a frozen random order
_BLOCK, _SPLIT_SEED = 4096, 201
_SHARES = {"valid": 0.1, "test": 0.2}


@dataclass(frozen=True)
class Text:
    """Characters as ids.

    Attributes:
        parts: "train", "valid", "test": ids ``(blocks, 4096)`` int64; a block is contiguous text.
        symbols: the characters in order of their ids, followed by "other" and the mask.
    """

    parts: dict[str, NDArray[np.int64]]
    symbols: str

    @property
    def other(self) -> int:
        """Id of all rare characters."""
        return len(self.symbols)

    @property
    def mask(self) -> int:
        """Id of the mask, which replaces a hidden character."""
        return len(self.symbols) + 1

    @property
    def words(self) -> int:
        """Size of the vocabulary, including "other" and the mask."""
        return len(self.symbols) + 2


@functools.cache
def load_text() -> Text:
    """Load the fixed split of the text: 70 % training, 10 % validation, 20 % test blocks."""
    text = lzma.decompress(_FILE.read_bytes()).decode()
    blocks = [text[start : start + _BLOCK] for start in range(0, len(text) - _BLOCK + 1, _BLOCK)]
    order = np.random.RandomState(_SPLIT_SEED).permutation(len(blocks))
    cuts = np.cumsum([round(share * len(blocks)) for share in _SHARES.values()])
    chosen = dict(zip([*_SHARES, "train"], np.split(order, cuts), strict=True))
    counts = Counter(character for i in chosen["train"] for character in blocks[i])
    symbols = "".join(sorted(character for character, count in counts.items() if count >= _RARE))
    ids = {character: i for i, character in enumerate(symbols)}
    parts = {
        part: np.asarray([[ids.get(c, len(symbols)) for c in blocks[i]] for i in rows], np.int64)
        for part, rows in chosen.items()
    }
    return Text(parts, symbols)
