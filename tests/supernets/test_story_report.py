"""The table of the story: what it says, in 80 columns."""

import json

from stories import story


def test_each_step_says_what_it_brought_within_80_columns():
    text = story().to_text()
    assert max(map(len, text.splitlines())) <= 80
    for words in (
        "reaches 95.4 % on\ntest images",
        "1,200 steps by sandwich, 4,800 subnet-steps",
        "4 subnets, 0.50 s each",
        "params: tau 0.70 [0.50, 0.85], 10 ms each, 1 without a score",
        "another training: tau 0.80 [0.70, 0.90]",
        "1 of 3 allowed subnets have a lower loss",
        "stand-alone (test): found 91.0 %, best 93.0 %",
        "42 x cheaper than training these 3 once",
        "hypervolume 50.0 % of the true front's, 1 subnet",
        "200 steps, the best after 120: 90.0 % (test 95.4 %)",
        "onnx: not written; subnet.md says why",
        "subnet: 0.512 ms an image [0.5, 0.53]",
        "subnet, ONNX: not measured; subnet.md says why",
    ):
        assert " ".join(words.split()) in " ".join(text.split()), words


def test_what_was_not_done_is_said():
    text = story(compared=False, quick=True, tune={"best": 0}, train={"skipped": 2}).to_text()
    assert "no table of stand-alone trainings" in text and "tau:" not in text and "cheaper" not in text
    assert "200 steps: none was better on validation images" in text and "2 steps skipped" in text
    assert "This was the quick form" in text
    part = story(evaluate={"space": 1296}).to_text()
    assert "4 subnets of 1,296" in part and "the known front's" in part and "all evaluated subnets" in part


def test_json_holds_everything():
    one = story()
    found = json.loads(one.to_json())
    assert found["results"] == one.results and found["plan"]["rule"] == "sandwich"
    assert found["rows"] == one.rows() and {row["step"] for row in found["rows"]} >= {"train", "fine-tune", "export"}
    assert str(one) == one.to_text() and len(repr(one)) <= 120
