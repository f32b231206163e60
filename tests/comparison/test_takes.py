"""What a network takes."""

from zcbench.comparison._takes import Takes


def test_a_network_with_a_vocabulary_reads_words():
    assert Takes(vocabulary=10).words
    assert not Takes(shape=(3, 8, 8)).words
    assert Takes() == Takes(shape=None, vocabulary=None)
