"""What is out: it is dropped once something that was proposed later, or with it, is answered."""

import json

from zcbench.search._outstanding import Outstanding


def test_an_answer_frees_what_was_proposed_before():
    out = Outstanding()
    out.propose(["a", "b"])
    out.propose(["c"])
    out.propose(["d"])
    out.told(["c"])
    assert [key in out for key in "abcd"] == [False, False, False, True]
    out.told(["unknown"])
    assert len(out) == 1


def test_state_is_json():
    out, again = Outstanding(), Outstanding()
    out.propose(["a"])
    out.propose(["b"])
    again.restore(json.loads(json.dumps(out.state())))
    again.propose(["c"])
    again.told(["b"])
    assert [key in again for key in "abc"] == [False, False, True]
