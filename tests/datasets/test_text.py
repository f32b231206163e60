"""The text of chars-rnn and chars-bert and its split."""

import numpy as np

from zcbench.datasets import chars
from zcbench.datasets._text import load_text


def test_the_split_of_the_text():
    text = load_text()
    sizes = {part: len(blocks) for part, blocks in text.parts.items()}
    assert sizes == {"train": 79, "valid": 11, "test": 23}
    assert text.words == chars.WORDS == 90
    everything = np.concatenate(list(text.parts.values()))
    assert len(np.unique(everything, axis=0)) == 113
    assert everything.min() >= 0 and everything.max() <= text.other < text.mask
    letters = "".join(text.symbols[i] if i < text.other else "?" for i in text.parts["train"][0])
    assert " the " in letters
