"""What is known of one proxy, at a prompt."""


def test_repr_is_one_line(plain, odd):
    assert repr(plain["first"]) == "<Entry of first: tau 1.00 on 30 of 30 architectures>"
    assert repr(odd["failed"]) == "<Entry of failed: tau – on 0 of 4 architectures>"
    for entry in odd.entries:
        assert len(repr(entry)) <= 120
        assert repr(entry).isprintable()


def test_standings_are_in_order(odd):
    order = ["ranked", "no interval", "scores all equal", "targets all equal", "fewer than two scores"]
    assert [entry.standing for entry in odd.entries] == sorted((e.standing for e in odd.entries), key=order.index)
