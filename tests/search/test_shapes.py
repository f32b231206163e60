import copy

import pytest

import zcbench
from zcbench.errors import DataCorruptError, InvalidInputError
from zcbench.search import read_ledger, read_search
from zcbench.search._shapes import checked

ROWS = [
    {"kind": "search", "format": 1, "space": "s", "evaluate": "f", "objectives": ["a"], "searcher": "random@1",
     "seed": 0},
    {"kind": "budget", "budget": {"evaluations": 3, "seconds": None, "asks": None}},
    {"kind": "budget", "budget": {"evaluations": None, "seconds": 2.5, "asks": 3}},
    {"kind": "scored", "scorer": "p", "architectures": ["x", "y"], "values": [1.0, None], "seconds": [0, None],
     "reasons": {"1": "no layers."}},
    {"kind": "equal", "architecture": "x", "epochs": None},
    {"kind": "evaluated", "architecture": "x", "epochs": 3, "values": {"a": 1, "b": None}, "seconds": {"training": 0.5},
     "status": "ok", "detail": ""},
    {"kind": "ended", "reason": "the budget is spent.", "seconds": {"thinking": 0.1}, "asks": 4,
     "equal": 1},
    {"kind": "of another version", "anything": 1},
]  # fmt: skip
OTHER = [None, True, "x", -1, 2.5, 1e999, float("nan"), [], {}, [None], ["x"], {"x": "y"}, {"x": True}, {"x": -1.0}]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["kind"])
def test_what_a_search_writes_is_taken(row):
    checked(row)


@pytest.mark.parametrize("row", ROWS[1:-1], ids=lambda row: row["kind"])
def test_a_line_that_lacks_a_field_is_refused(row):
    for name in row:
        with pytest.raises(ValueError, match=f"it has no {name}"):
            checked({key: value for key, value in row.items() if key != name})


def wrong(kind, name, value):
    """Whether a value is none that a search may have written into a field."""
    return value not in {
        ("search", "seed"): [],
        ("search", "objectives"): [[], ["x"]],
        ("scored", "architectures"): [],
        ("scored", "reasons"): [{}],
        ("equal", "epochs"): [None],
        ("evaluated", "epochs"): [None],
        ("evaluated", "values"): [{}, {"x": -1.0}],
        ("evaluated", "seconds"): [{}],
        ("ended", "seconds"): [{}],
    }.get((kind, name), [] if value != "x" else ["x"] * (name in TEXTS))


TEXTS = ("space", "evaluate", "searcher", "scorer", "architecture", "detail", "reason")


@pytest.mark.parametrize("row", ROWS[:-1], ids=lambda row: row["kind"])
def test_a_field_that_holds_something_else_is_refused(row):
    for name in row:
        if name in ("kind", "format"):
            continue
        for value in OTHER:
            if wrong(row["kind"], name, value):
                with pytest.raises(ValueError, match=r"its |it does not have|reasons"):
                    checked({**row, name: value})


def test_of_each_architecture_there_is_one_score():
    row = copy.deepcopy(ROWS[3])
    row["values"].append(1.0)
    with pytest.raises(ValueError, match="one value and one time for each of 2 architectures"):
        checked(row)
    with pytest.raises(ValueError, match="reasons"):
        checked({**ROWS[3], "reasons": {"2": "of nothing"}})
    with pytest.raises(ValueError, match="it has no kind"):
        checked({"kind": 3})


@pytest.mark.parametrize(
    "old, new, said",
    [
        (b'"status":"ok"', b'"status":"fine"', "its status is not valid"),
        (b'"value":', b'"valve":', "it has no value of value"),
        (b'"values":{', b'"volues":{', "it has no values"),
        (b'"budget":{', b'"budgot":{', "it has no budget"),
        (b'"evaluations":6', b'"evaluations":-6', "its budget is not valid"),
    ],
)
def test_an_edited_ledger_is_refused_in_a_sentence(tmp_path, old, new, said):
    path = tmp_path / "ledger.jsonl"

    def search():
        space = zcbench.get_space("nasbench201")
        return zcbench.search(space, lambda a: float(len(a.key)), searcher="random", budget=6, ledger=path)

    search()
    path.with_name("ledger.jsonl.state").unlink()
    whole = path.read_bytes()
    assert old in whole
    path.write_bytes(whole.replace(old, new, 1))
    with pytest.raises(DataCorruptError, match=f"line . of .* is damaged .{said}.*: remove it and all lines after it"):
        search()
    if "value of" not in said:  # who only reads takes objectives that are missing as nan
        with pytest.raises(DataCorruptError, match="is damaged"):
            read_search(path)
    path.write_bytes(whole)
    assert len(search()) == 6


def test_the_head_of_a_ledger_is_checked_where_it_is_read(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b'{"kind":"search","objectives":3}\n')
    with pytest.raises((DataCorruptError, InvalidInputError), match="objectives"):
        read_ledger(path)[0]
