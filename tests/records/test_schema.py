"""Lines: what is a record, and why a line is none."""

import json
import math

import pytest
from stores import write
from toys import record

from zcbench.errors import StoreError
from zcbench.records import Store
from zcbench.records._schema import SCHEMA, LeftOut


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def change(**changes):
    line = {
        **{"schema": SCHEMA, "benchmark": "toy@1", "architecture": "a", "proxy": "mine@1", "seed": 0, "batch": "b"},
        **{"value": 1.0, "status": "ok", "seconds": 0.1, "detail": "", "network": "", "higher_is_better": True},
        "environment": "e0",
    } | changes
    return json.dumps({key: value for key, value in line.items() if value != "drop"}).encode()


def put_between(store, line):
    """A file with a good line, this one, and a good line; its path."""
    path = write(store, record("a"), record("b"))
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + line + b"\n" + second)
    return path


BAD = {
    b"": "empty",
    b"{": "not JSON",
    b"\xff\xfe": "not UTF-8",
    b"\0" * 50: "not JSON",
    b"7": "not a JSON object",
    b"[]": "not a JSON object",
    b"{}": "no field 'schema' with a number",
    b"[" * 100_000: "nested too deeply",
    b'{"a":' * 100_000: "nested too deeply",
    b"x" * (2 << 20): "longer than 1 MB",
    change()[:-1]: "not JSON",
    change() + change(): "not JSON",
    change().replace(b"{", b'{"value":2,'): "a field is given twice",
    change().replace(b'"seed": 0', b'"seed": 1' + b"0" * 5000): "not JSON",  # Python reads no whole number so long
    change().decode().encode("utf-16-le"): "not JSON",
    b'{"schema":"1"}': "no field 'schema' with a number",
    b'{"schema":1}': "no field 'environment' with a text",
    b'{"schema":1,"environment":"e","x":' + b"[" * 900 + b"]" * 900 + b"}": (
        "an environment that contains more than texts and numbers"
    ),
    b'{"schema":1,"environment":["e"]}': "no field 'environment' with a text",
    change(schema=True): "no field 'schema' with a number",
    change(schema=0): "no field 'schema' with a number",
    change(schema="drop"): "no field 'schema' with a number",
    change(schema=SCHEMA + 1): f"schema {SCHEMA + 1} of a newer zcbench: upgrade",
    change(schema=10**4000): "schema unknown of a newer zcbench: upgrade",
    change(proxy="drop"): "no field 'proxy'",  # else it would pass for the description of an environment
    change(proxy="mine"): "the field 'proxy' is not a name with a version, such as naswot@1",
    change(proxy="@1"): "the field 'proxy' is not a name with a version, such as naswot@1",
    change(proxy="naswot@" + "9" * 5000): "the field 'proxy' is not a name with a version, such as naswot@1",
    change(proxy="naswot@1.5"): "the field 'proxy' is not a name with a version, such as naswot@1",
    change(proxy=["mine@1"]): "the field 'proxy' is not a name with a version, such as naswot@1",
    change(benchmark="toy"): "the field 'benchmark' is not a name with a version, such as naswot@1",
    change(value=None): "the status ok does not agree with the value None",
    change(value=1, status="failed"): "the status failed does not agree with the value 1",
    change(value=math.nan): "the field 'value' is not a finite number or null",
    change(value=math.inf): "the field 'value' is not a finite number or null",
    change(value=10**400): "the field 'value' is not a finite number or null",
    change(value="1"): "the field 'value' is not a finite number or null",
    change(value=True): "the field 'value' is not a finite number or null",
    change(status="good\x1b[2J"): "the status 'good\\x1b[2J' is unknown to this zcbench",
    change(status=1): "the field 'status' is not a text",
    change(seed="0"): "the field 'seed' is not a whole number from 0 to 4294967295",
    change(seed=-1): "the field 'seed' is not a whole number from 0 to 4294967295",
    change(seed=0.0): "the field 'seed' is not a whole number from 0 to 4294967295",
    change(seed=10**4000): "the field 'seed' is not a whole number from 0 to 4294967295",
    change(seed=False): "the field 'seed' is not a whole number from 0 to 4294967295",
    change(architecture="\ud800"): "the field 'architecture' is not a text",
    change(architecture=["a"]): "the field 'architecture' is not a text",
    change(batch="drop"): "no field 'batch'",
    change(seconds=None): "the field 'seconds' is not a number from 0",
    change(seconds=-1): "the field 'seconds' is not a number from 0",
    change(seconds=math.inf): "the field 'seconds' is not a number from 0",
    change(seconds=10**400): "the field 'seconds' is not a number from 0",
    change(detail=None): "the field 'detail' is not a text",
    change(network="drop"): "no field 'network'",
    change(environment=None): "no field 'environment' with a text",
    change(higher_is_better=1): "the field 'higher_is_better' is not true or false",
    change(repeats=0): "the field 'repeats' is not a whole number from 1",
    change(repeats="3"): "the field 'repeats' is not a whole number from 1",
    change(spread="0"): "the field 'spread' is not a number from 0 or null",
}


@pytest.mark.parametrize("line", BAD, ids=range(len(BAD)))
def test_a_bad_line_is_named_and_kept_and_hides_no_other(store, line):
    path = put_between(store, line)
    records = store.records("toy")
    assert records == [record("a"), record("b")]
    assert store.left_out("toy") == (LeftOut(path, 2, BAD[line]),)
    (note,) = store.notes("toy")
    assert records.notes == (note,)
    assert note.endswith(f"skipped and stays in {path}: line 2 ({BAD[line]}).")
    assert store.environments("toy") == {}
    assert path.read_bytes().splitlines()[1:-1] == line.splitlines() or line == b""


@pytest.mark.parametrize(
    "line",
    [change(), change(value=1), change(extra=[1]), b"\xef\xbb\xbf" + change(), change() + b"\r", b"  " + change()],
)
def test_a_good_line_for_comparison(store, line):
    put_between(store, line)
    first, second, third = store.records("toy")
    assert (first, third) == (record("a"), record("b"))
    assert (second.batch, second.score.value) == ("b", 1.0)
    assert store.left_out("toy") == ()


def test_what_nobody_could_read_back_is_not_written(store):
    bad = [record(seed=-1), record(proxy="mine@1.5"), record("x" * (2 << 20)), record(seconds=-1.0)]
    with store.writer("toy") as writer:
        for wrong in bad:
            with pytest.raises(StoreError, match=r"toy cannot store the result: (the field|longer than)"):
                writer.record(wrong)
        writer.record(record("b"))
    assert store.records("toy") == [record("b")]
    assert store.left_out("toy") == ()
