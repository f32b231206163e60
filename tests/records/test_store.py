"""Nothing that was written is lost, whatever happens to the process, the disk or the file."""

import json
import math
import subprocess
import sys
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import disk_of, record, trial

from zcbench.errors import StoreError, ZcbenchError
from zcbench.records import Store
from zcbench.records._schema import SCHEMA, LeftOut


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def write(store, *records):
    with store.writer("toy") as writer:
        for r in records:
            writer.record(r)


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
    written = [record("a", value), record("b", None, detail=text), record(text, 1.0)]
    write(store, *written)
    assert {r.key: r for r in written} == {r.key: r for r in store.records("toy")}
    assert store.path("toy").read_bytes().count(b"\n") == 3


def test_text_that_is_no_text(store):
    # An exception may quote the bytes of a file name.
    write(store, record("a", None, detail="cannot open \udc80"), record("b"))
    assert [r.score.detail for r in store.records("toy")] == [r"cannot open \udc80", ""]


def test_nothing_yet(store):
    assert store.benchmarks() == []
    assert store.records("toy") == []
    assert store.environments("toy") == {}
    assert not store.folder.exists()


def test_the_latest_of_one_key_wins(store):
    write(store, record("a", None), record("b", 2.0), record("a", 3.0))
    found = {r.architecture: r.score.value for r in store.records("toy")}
    assert found == {"a": 3.0, "b": 2.0}


@pytest.mark.parametrize(
    "change", [{"proxy": "mine@2"}, {"seed": 1}, {"batch": "x"}, {"benchmark": "toy@2"}, {"architecture": "z"}]
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
    write(store, *RECORDS)
    path = store.path("toy")
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        assert store.records("toy") == RECORDS[: sum(end <= cut + 1 for end in ends)]
        assert store.left_out("toy") == ()  # a line that is cut short is no bad line
    for cut in (1, ends[0] - 2, ends[0] - 1, ends[0], ends[0] + 1, ends[2] - 2, ends[2] - 1):
        path.write_bytes(whole[:cut])
        write(store, record("new"))
        complete = sum(end <= cut + 1 for end in ends)  # one may lack nothing but its end
        assert store.records("toy") == [*RECORDS[:complete], record("new")]
        assert path.read_bytes().count(b"\n") == complete + 1


def test_a_long_partial_line_is_removed(store):
    write(store, record("a"))
    with store.path("toy").open("ab") as file:
        file.write(b"x" * 200_000)
    write(store, record("b"))
    assert [r.architecture for r in store.records("toy")] == ["a", "b"]


def change(**changes):
    line = {
        **{"schema": SCHEMA, "benchmark": "toy@1", "architecture": "a", "proxy": "mine@1", "seed": 0, "batch": "b"},
        **{"value": 1.0, "status": "ok", "seconds": 0.1, "detail": "", "network": "", "higher_is_better": True},
        "environment": "e0",
    } | changes
    return json.dumps({key: value for key, value in line.items() if value != "drop"}).encode()


def put_between(store, line):
    """A file with a good line, this one, and a good line."""
    write(store, record("a"))
    with store.path("toy").open("ab") as file:
        file.write(line + b"\n")
    write(store, record("b"))


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
    put_between(store, line)
    assert store.records("toy") == [record("a"), record("b")]
    assert store.left_out("toy") == (LeftOut(2, BAD[line]),)
    (note,) = store.notes("toy")
    assert note.endswith(f"left out and stays in {store.path('toy')}: line 2 ({BAD[line]}).")
    assert store.environments("toy") == {}
    assert store.path("toy").read_bytes().splitlines()[1:-1] == line.splitlines() or line == b""


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
    write(store, record("a"))
    with store.path("toy").open("ab") as file:
        file.write(b"x\n" * 2000 + b"{}\n")
    assert store.records("toy") == [record("a")]
    (note,) = store.notes("toy")
    assert note == (
        f"2,001 lines that cannot be read were left out and stay in {store.path('toy')}: "
        "lines 2, 3, 4, 5, 6 and 1,995 more (not JSON), line 2002 (no field 'schema' with a number)."
    )


def test_what_a_kill_left_is_removed_and_a_bad_line_is_not(store):
    write(store, record("a"))
    with store.path("toy").open("ab") as file:
        file.write(b"bad\n" + change()[:40])
    before = store.path("toy").read_bytes()
    assert store.records("toy") == [record("a")]
    assert [line.line for line in store.left_out("toy")] == [2]
    assert store.path("toy").read_bytes() == before  # reading changes nothing
    write(store, record("b"))
    assert store.path("toy").read_bytes().startswith(before[:-40])
    assert store.records("toy") == [record("a"), record("b")]
    assert [line.line for line in store.left_out("toy")] == [2]


def test_what_nobody_could_read_back_is_not_written(store):
    bad = [record(seed=-1), record(proxy="mine@1.5"), record("x" * (2 << 20)), record(seconds=-1.0)]
    with store.writer("toy") as writer:
        for wrong in bad:
            with pytest.raises(StoreError, match=r"toy\.jsonl cannot take what was measured: (the field|longer than)"):
                writer.record(wrong)
        writer.record(record("b"))
    assert store.records("toy") == [record("b")]
    assert store.left_out("toy") == ()


def mutated(random, lines):
    """The lines, one of them spoilt, and which one."""
    where = random.randrange(len(lines))
    line = bytearray(lines[where][:-1])
    text = json.loads(lines[where])
    kind = random.randrange(6)
    if kind == 0:  # bytes
        for _ in range(random.randint(1, 8)):
            line[random.randrange(len(line))] = random.choice(b'\0\r"{}[]:,.-019eE\\ \xff\xc3')
    elif kind == 1:  # something cut out
        start = random.randrange(len(line))
        del line[start : start + random.randint(1, 40)]
    elif kind == 2:  # something said twice
        start = random.randrange(len(line))
        line[start:start] = line[start : start + random.randint(1, 60)]
    else:  # a field of another kind, or none
        odd = [None, True, -1, 1.5, 10**30, 10**400, math.nan, -math.inf, "", "x@9", "\ud800", [], {}, [[]], {"a": [1]}]
        name = random.choice([*text, "proxy", "new"])
        if kind == 3:
            text.pop(name, None)
        else:
            text[name] = random.choice(odd)
        line = bytearray(json.dumps(text).encode())
    return [*lines[:where], bytes(line).replace(b"\n", b" ") + b"\n", *lines[where + 1 :]], where


MUTANTS = 600


@pytest.mark.parametrize("kind", ["records", "trials"])
def test_mutants(store, kind):
    """One spoilt line never costs another, and never raises."""
    place = store if kind == "records" else store.trials
    items = [*RECORDS, *(record(f"r{i}", 0.1 * i, seed=i, repeats=3) for i in range(3))]
    if kind == "trials":
        items = [trial(seed=i, detail="x" * i) for i in range(6)]
    with place.writer("toy") as writer:
        writer.environment("e0", {"torch": "2"})
        for item in items:
            (writer.record if kind == "records" else writer.trial)(item)
    lines = place.path("toy").read_bytes().splitlines(keepends=True)
    read = store.records if kind == "records" else store.trials.trials
    random, bad, changed = Random(0), 0, 0
    for _ in range(MUTANTS):
        spoilt, where = mutated(random, lines)
        place.path("toy").write_bytes(b"".join(spoilt))
        found = {item.key: item for item in read("toy")}
        others = {item.key: item for i, item in enumerate(items, 1) if i != where}
        same = {key for key in others if found.get(key) == others[key] or repr(found.get(key)) == repr(others[key])}
        # A mutant may pass for another good line of the same key, which the later of the two then stands for.
        assert len(same) >= len(others) - 1
        numbers = [line.line for line in place.left_out("toy")]
        assert numbers in ([], [where + 1])
        bad, changed = bad + len(numbers), changed + (not numbers and spoilt != lines)
        place.environments("toy")
    assert bad > MUTANTS / 2
    assert changed > MUTANTS / 50  # some are other, good lines


def test_a_second_writer_is_refused(store):
    with store.writer("toy") as writer:
        with pytest.raises(StoreError, match=r"another run is writing to .*toy\.jsonl: wait for it, or choose"):
            write(store, record("b"))
        with store.writer("other") as other:
            other.record(record("c"))
        writer.record(record("a"))
    assert store.records("toy") == [record("a")]
    write(store, record("b"))  # the lock is gone


def test_a_writer_in_another_process(store):
    code = (
        "import sys; from zcbench.records._store import Store\n"
        "with Store(sys.argv[1]).writer('toy') as w:\n"
        "    print('open', flush=True); input()\n"
    )
    command = [sys.executable, "-c", code, str(store.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(StoreError, match="another run is writing"):
            write(store, record())
        other.kill()
        other.wait()
        write(store, record())  # a lock dies with its holder
    assert store.records("toy") == [record()]


def test_the_lock_is_released_after_an_error(store):
    with pytest.raises(KeyError), store.writer("toy"):
        raise KeyError
    write(store, record())


@pytest.mark.parametrize("room", [0, 1, 100])
def test_a_full_disk(store, room):
    write(store, record("a"), record("b"))
    before = store.path("toy").read_bytes()
    with store.writer("toy") as writer:
        with disk_of(len(before) + room):
            with pytest.raises(StoreError) as caught:
                writer.record(record("c"))
        assert store.path("toy").read_bytes() == before
        writer.record(record("d"))  # room was made
    assert [r.architecture for r in store.records("toy")] == ["a", "b", "d"]
    message = str(caught.value)
    assert message.startswith(f"cannot write to {store.path('toy')}: ")
    assert message.endswith("Everything scored so far is kept; make room and run the same command again to go on.")


def test_no_space_left_on_device(store):
    store.folder.mkdir()
    store.path("toy").symlink_to("/dev/full")
    with store.writer("toy") as writer:
        with pytest.raises(StoreError, match="No space left on device"):
            writer.record(record())


def test_a_folder_that_cannot_be(tmp_path):
    tmp_path.joinpath("file").write_text("")
    for store in (Store(tmp_path / "file"), Store(tmp_path / "file" / "deeper")):
        with pytest.raises(StoreError, match=r"cannot write to .*file.* Choose another folder with --store"):
            write(store, record())
        assert store.benchmarks() == []
        assert store.records("toy") == []


def test_a_folder_in_place_of_the_file(store):
    store.path("toy").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"cannot write to .*toy\.jsonl: Is a directory"):
        write(store, record())


def test_messages_are_one_sentence_of_ours(store):
    store.path("toy").mkdir(parents=True)
    with pytest.raises(ZcbenchError) as caught:
        write(store, record())
    assert caught.value.__cause__ is None
    assert "\n" not in str(caught.value)
