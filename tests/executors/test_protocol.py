"""How keys are dealt out to jobs."""

from zcbench.executors._protocol import chunks


def test_every_key_is_in_one_chunk_and_chunks_are_of_one_size():
    keys = [str(number) for number in range(11)]
    dealt = chunks(keys, 4)
    assert sorted(key for chunk in dealt for key in chunk) == sorted(keys)
    assert sorted(map(len, dealt)) == [2, 3, 3, 3]
    assert dealt[0] == ("0", "4", "8")  # neighbours are apart
    assert chunks(keys[:2], 4) == [("0",), ("1",)]
    assert chunks([], 4) == []
