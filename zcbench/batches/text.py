"""Texts: characters of Python's help texts, words of WikiText-2."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from zcbench.batches._draw import IGNORED
from zcbench.batches._register import register_batch
from zcbench.datasets._limits import open_packed
from zcbench.datasets._paths import data_folder
from zcbench.datasets._read import explained
from zcbench.datasets._text import load_text
from zcbench.errors import DataMissingError

if TYPE_CHECKING:
    from torch import Tensor

#: number of words of a text in a batch, and the share of them that a masked language model must predict
_LENGTH, _HIDDEN = 64, 0.15
#: id of BERT's [MASK]; its first thousand ids are not words
_BERT_MASK, _BERT_WORDS = 103, 1000
_PYDOC = "The Python Software Foundation, pydoc_data.topics"
_WIKITEXT = "Merity et al., arXiv:1609.07843"


def _characters() -> tuple[np.ndarray, np.ndarray]:
    """Return characters and the next characters, both ``(n, 32)``."""
    windows = load_text().parts["train"][:, : 127 * 32 + 1]
    return windows[:, :-1].reshape(-1, 32), windows[:, 1:].reshape(-1, 32)


@register_batch("pydoc", classes=89, reference=_PYDOC)
def pydoc() -> tuple[np.ndarray, np.ndarray]:
    """Python's help texts, 32 characters each; the next character is the target."""
    return _characters()


@register_batch("pydoc-masked", classes=89, reference=_PYDOC)
def pydoc_masked() -> tuple[np.ndarray, np.ndarray]:
    """Python's help texts, 32 characters each; hidden characters are the target."""
    return _masked(_characters()[0], load_text().mask)


def _vocabulary(inputs: Tensor, targets: Tensor, words: int) -> tuple[Tensor, Tensor]:
    """Replace all words except the most frequent by one word."""
    return inputs.clamp(max=words - 1), targets.clamp(max=words - 1)


@register_batch("wikitext2", classes=33_278, resizable=_vocabulary, largest=10**6, reference=_WIKITEXT)
def wikitext2() -> tuple[np.ndarray, np.ndarray]:
    """WikiText-2, 64 words each, numbered by frequency; the next word is the target.

    The validation text comes from ``ZCBENCH_DATA``. "wikitext2@10000" has a vocabulary of 10,000
    words: all rarer words are replaced by one.
    """
    return _words()


@register_batch("wikitext2-masked", classes=30_522, reference=_WIKITEXT)
def wikitext2_masked() -> tuple[np.ndarray, np.ndarray]:
    """WikiText-2, 64 words each, numbered like BERT's vocabulary; hidden words are the target."""
    return _masked(_words()[0] + _BERT_WORDS, _BERT_MASK)


def _words() -> tuple[np.ndarray, np.ndarray]:
    """Return words and the next words, both ``(n, 64)``."""
    path = data_folder("text") / "text" / "wikitext2.valid.tokens.gz"
    if not path.is_file():
        raise DataMissingError(f"no text at {path}: put WikiText-2's validation tokens there, compressed by gzip.")
    with explained(path), open_packed(path) as file:
        words = file.read().decode().split()
    rank = {word: i for i, (word, _) in enumerate(Counter(words).most_common())}
    ids = np.asarray([rank[word] for word in words], np.int64)
    count = (len(ids) - 1) // _LENGTH
    inputs, following = (ids[start : start + count * _LENGTH].reshape(count, _LENGTH) for start in (0, 1))
    return inputs, following


def _masked(ids: np.ndarray, mask: int) -> tuple[np.ndarray, np.ndarray]:
    hidden = np.random.RandomState(0).random_sample(ids.shape) < _HIDDEN
    return np.where(hidden, mask, ids), np.where(hidden, ids, IGNORED)
