"""Nothing that was written is lost, whatever happens to the process, the disk or the file."""

import json
import math
from random import Random

import pytest
from damage import mutated
from hypothesis import given
from hypothesis import strategies as st
from toys import disk_of, record, trial

from zcbench.errors import InvalidInputError, StoreError, ZcbenchError
from zcbench.records import Record, Store, Trial
from zcbench.records._schema import SCHEMA, LeftOut


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def write(store, *records):
    """Write as one process would; the path of the file."""
    before = set(store.files("toy"))
    with store.writer("toy") as writer:
        for r in records:
            writer.record(r)
    return next(iter(set(store.files("toy")) - before), None)


RECORDS = [
    record("a", 1 / 3, detail="", seconds=0.123456),
    record("b", None, detail='said "no" – |\n</script>', network="a", higher_is_better=False),
    record("c", None, status="non-finite", detail="nan"),
]


def test_what_is_written_is_read(store):
    write(store, *RECORDS)
    assert store.records("toy") == RECORDS
    assert store.benchmarks() == ["toy"]
    write(store, record("d"))
    assert store.records("toy") == [*RECORDS, record("d")]


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20))
def test_values_and_texts_come_back_exactly(tmp_path_factory, value, text):
    store = Store(tmp_path_factory.mktemp("store"))
    written = [record("a", value), record("b", None, detail=text), record(f"c{text}", 1.0)]
    path = write(store, *written)
    assert store.records("toy") == written
    assert path.read_bytes().count(b"\n") == 3


def test_text_that_is_no_text(store):
    # An exception may quote the bytes of a file name.
    write(store, record("a", None, detail="cannot open \udc80"), record("b"))
    assert [r.score.detail for r in store.records("toy")] == [r"cannot open \udc80", ""]


def test_nothing_yet(store):
    assert store.benchmarks() == []
    assert store.records("toy") == []
    assert store.environments("toy") == {}
    assert not store.folder.exists()


@pytest.mark.parametrize(
    "change",
    [
        *({"proxy": "mine@2"}, {"seed": 1}, {"batch": "x"}, {"benchmark": "toy@2"}, {"architecture": "z"}),
        {"code": "0123"},
    ],
)
def test_other_measurements_are_kept_apart(store, change):
    write(store, record("a"), record(**{"architecture": "a", "value": 2.0} | change))
    assert len(store.records("toy")) == 2


def test_unknown_duration(store):
    write(store, record("a", seconds=math.nan))
    assert math.isnan(store.records("toy")[0].score.seconds)


def test_environments(store):
    with store.writer("toy") as writer:
        writer.environment("e0", {"torch": "2"})
        writer.record(record())
    assert store.environments("toy") == {"e0": {"schema": SCHEMA, "environment": "e0", "torch": "2"}}
    assert store.records("toy") == [record()]


def test_a_file_cut_anywhere(store):
    path = write(store, *RECORDS)
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        # One may lack nothing but its end.
        assert store.records("toy") == RECORDS[: sum(end <= cut + 1 for end in ends)]
        assert store.left_out("toy") == ()  # a line that is cut short is no bad line
    for cut in (1, ends[0] - 2, ends[0] - 1, ends[0], ends[0] + 1, ends[2] - 2, ends[2] - 1):
        path.write_bytes(whole[:cut])
        new = write(store, record("new"))
        assert store.records("toy") == [*RECORDS[: sum(end <= cut + 1 for end in ends)], record("new")]
        assert path.read_bytes() == whole[:cut]  # nobody writes to another's file
        new.unlink()


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
        "an environment that holds more than texts and numbers"
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
    change(value=None): "the status ok does not go with the value None",
    change(value=1, status="failed"): "the status failed does not go with the value 1",
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
    assert note.endswith(f"left out and stays in {path}: line 2 ({BAD[line]}).")
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


def test_numbers_of_many_bad_lines(store):
    path = write(store, record("a"))
    with path.open("ab") as file:
        file.write(b"x\n" * 2000 + b"{}\n")
    assert store.records("toy") == [record("a")]
    (note,) = store.notes("toy")
    assert note == (
        f"2,001 lines that cannot be read were left out and stay in {path}: "
        "lines 2, 3, 4, 5, 6 and 1,995 more (not JSON), line 2002 (no field 'schema' with a number)."
    )


def test_bad_lines_of_many_files(store):
    for number in range(8):
        path = write(store, record(str(number)))
        path.write_bytes(path.read_bytes() + b"x\n")
    assert len(store.records("toy")) == 8
    *notes, last = store.notes("toy")
    assert len(notes) == 5
    assert last == "3 lines of 3 more files cannot be read; zcbench store check names them."


def test_what_nobody_could_read_back_is_not_written(store):
    bad = [record(seed=-1), record(proxy="mine@1.5"), record("x" * (2 << 20)), record(seconds=-1.0)]
    with store.writer("toy") as writer:
        for wrong in bad:
            with pytest.raises(StoreError, match=r"toy cannot take what was measured: (the field|longer than)"):
                writer.record(wrong)
        writer.record(record("b"))
    assert store.records("toy") == [record("b")]
    assert store.left_out("toy") == ()


MUTANTS = 600


@pytest.mark.parametrize("kind", ["records", "trials"])
def test_mutants(store, kind):
    """One spoilt line never costs another, and never raises."""
    items = [*RECORDS, *(record(f"r{i}", 0.1 * i, seed=i, repeats=3) for i in range(3))]
    if kind == "trials":
        items = [trial(seed=i, detail="x" * i) for i in range(6)]
    with store.writer("toy") as writer:
        writer.environment("e0", {"torch": "2"})
        for item in items:
            (writer.record if kind == "records" else writer.trial)(item)
    (path,) = store.files("toy", Record if kind == "records" else Trial)
    lines = path.read_bytes().splitlines(keepends=True)
    read = store.records if kind == "records" else store.trials
    random, bad, changed = Random(0), 0, 0
    for _ in range(MUTANTS):
        spoilt, where = mutated(random, lines)
        path.write_bytes(b"".join(spoilt))
        found = {item.key: item for item in read("toy")}
        others = {item.key: item for i, item in enumerate(items, 1) if i != where}
        same = {key for key in others if found.get(key) == others[key] or repr(found.get(key)) == repr(others[key])}
        # A mutant may pass for another good line of the same key, with which the other then disagrees.
        assert len(same) >= len(others) - 1
        numbers = [line.line for line in store.left_out("toy")]
        assert numbers in ([], [where + 1])
        bad, changed = bad + len(numbers), changed + (not numbers and spoilt != lines)
        store.environments("toy")
    assert bad > MUTANTS / 2
    assert changed > MUTANTS / 50  # some are other, good lines


@pytest.mark.parametrize("room", [0, 1, 100])
def test_a_full_disk(store, room):
    with store.writer("toy") as writer:
        writer.record(record("a"))
        writer.record(record("b"))
        (path,) = store.files("toy")
        before = path.read_bytes()
        with disk_of(len(before) + room):
            with pytest.raises(StoreError) as caught:
                writer.record(record("c"))
        assert path.read_bytes() == before
        writer.record(record("d"))  # room was made
    assert [r.architecture for r in store.records("toy")] == ["a", "b", "d"]
    message = str(caught.value)
    assert message.startswith(f"cannot write to {path}: ")
    assert message.endswith("Everything scored so far is kept; make room and run the same command again to go on.")


def test_a_folder_that_cannot_be(tmp_path):
    tmp_path.joinpath("file").write_text("")
    for store in (Store(tmp_path / "file"), Store(tmp_path / "file" / "deeper")):
        with pytest.raises(StoreError, match=r"cannot write to .*file.* Choose another folder with --store"):
            write(store, record())
        assert store.benchmarks() == []
        assert store.records("toy") == []


def test_a_file_in_place_of_the_folder(store):
    store.folder.mkdir()
    store.folder.joinpath("toy").write_text("")
    with pytest.raises(ZcbenchError, match=r"cannot write to .*toy.*: .*toy is not a folder. Choose") as caught:
        write(store, record())
    assert caught.value.__cause__ is None
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc", "a\\b", "a\0"])
def test_names_that_are_no_folder(store, name):
    for use in (store.records, store.writer, store.compact, store.files):
        with pytest.raises(InvalidInputError, match="cannot be a benchmark of the store"):
            use(name)
