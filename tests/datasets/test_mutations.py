"""Whatever happens to a file, reading it ends in a table or in one of our sentences: every reader, small and seeded."""

import copy
import io
import json
import random
import shutil
import zipfile

import numpy as np
import pytest
from official_tables import OFFICIAL

import zcbench
from zcbench.datasets import _load, benchmark_info, list_benchmarks
from zcbench.datasets._table import save_table
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError

pytestmark = pytest.mark.usefixtures("nothing_kept")

#: what takes the place of a value: other kinds, other sizes, other nesting
ODD = (
    *(None, True, "text", "0.5", "", "nan", "9" * 5000, b"bytes", [], {}, [1, 2], {"a": 1}, [[[]]], -1, 0, 1e308),
    *(10**400, 2**40, float("nan"), float("inf"), -0.5, 3.5, "१२", "1_0", "\ud800", "(4, 0, 3, 1, 4, 3)", "<html>"),
)
SUITE = 24


# -- mutations ---------------------------------------------------------------------------------


def containers(content, found=None):
    """Every non-empty list and mapping in a structure."""
    found = [] if found is None else found
    if isinstance(content, (list, dict)) and content:
        found.append(content)
        for value in content.values() if isinstance(content, dict) else content:
            containers(value, found)
    return found


def changed(content, rng):
    """A structure with one to three changes of kind, length, names or order."""
    content = copy.deepcopy(content)
    for _ in range(rng.choice((1, 1, 2, 3))):
        # Large tables of curves would take all changes: a depth is drawn first, in effect.
        options = containers(content)
        place = rng.choice(options[: rng.choice((3, 12, 60, len(options)))])
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = rng.choice(keys)
        step = rng.choice(("odd", "odd", "odd", "drop", "again", "text", "rename", "swap", "nest", "long"))
        if step == "odd":
            place[key] = rng.choice(ODD)
        elif step == "drop":
            del place[key]
        elif step == "text":
            place[key] = str(place[key])
        elif step == "nest":
            place[key] = [place[key]]
        elif step == "swap":
            other = rng.choice(keys)
            place[key], place[other] = place[other], place[key]
        elif isinstance(place, list):
            place.extend([copy.deepcopy(place[key])] * (50 if step == "long" else 1))
        elif step == "rename":
            place[rng.choice((f"{key}x", 7, "", None))] = place.pop(key)
        else:
            place[f"{key} "] = copy.deepcopy(place[key])
    return content


def damaged(content, rng):
    """Bytes with a flipped bit, a missing, foreign or repeated part, an early end, a false count."""
    start = rng.randrange(len(content) + 1)
    stop = min(len(content), start + rng.choice((1, 4, 8, 100)))
    step = rng.choice(("flip", "drop", "again", "end", "zero", "ones", "front", "page"))
    if step == "flip" and start < len(content):
        return content[:start] + bytes([content[start] ^ 1 << rng.randrange(8)]) + content[start + 1 :]
    return {
        "flip": content,
        "drop": content[:start] + content[stop:],
        "again": content[:stop] + content[start:],
        "end": content[:start],
        "zero": content[:start] + bytes(stop - start) + content[stop:],
        "ones": content[:start] + b"\xff" * (stop - start) + content[stop:],
        "front": b"\xff" * 8 + content[8:],
        "page": b"<!DOCTYPE html><html>Quota exceeded</html>" + content,
    }[step]


def well_formed(table):
    """Assert that a table has unique architectures of its space and columns of numbers that are as long."""
    rows = len(table)
    assert rows and len(set(table.architectures)) == rows
    for architecture in table.architectures:
        assert table.space.parse(architecture.key) == architecture
    for columns, dimensions in ((table.values, 2), (table.facts, 1), (table.curves, 3)):
        for name in columns:
            column = columns[name]
            assert column.dtype.kind == "f" and column.ndim == dimensions and len(column) == rows
            assert not np.isinf(column).any()
    assert set(table.values) == set(table.targets)


def outcome(read, counts, report, *where):
    """Read, count and return what it ended in: "table" or the name of our error.

    Any other exception is raised, or given to ``report`` with where it was, if there is such a function.
    """
    result = "table"
    try:
        well_formed(read())
    except (DataCorruptError, DataMissingError, InvalidInputError) as error:
        assert type(error) in (DataCorruptError, DataMissingError), error
        assert len(str(error)) < 3000
        result = type(error).__name__
    except Exception as error:
        if report is None:
            raise
        result = f"foreign {type(error).__name__}"
        report(*where, error)
    counts[result] = counts.get(result, 0) + 1
    return result


def read_official(name, files, folder, contents):
    shutil.rmtree(folder, ignore_errors=True)
    paths = files.place(folder, contents)
    return lambda: _load.make_benchmark(
        benchmark_info(files.benchmark), _load.read_source(benchmark_info(files.benchmark), paths)
    )


def attack_official(name, folder, count, seed=0, report=None):
    """Mutate the official files of a reader; returns how many of each outcome."""
    files, rng = OFFICIAL[name](), random.Random(f"{name}{seed}")
    valid = {file: files.write(content) for file, content in files.files.items()}
    counts = {}
    for number in range(count):
        contents = dict(valid)
        file = rng.choice(list(valid))
        if number % 2:
            contents[file] = damaged(valid[file], rng)
        else:
            try:
                contents[file] = files.write(changed(files.files[file], rng))
            except Exception:  # the format cannot hold it
                continue
        outcome(read_official(name, files, folder, contents), counts, report, name, number, file)
    return counts


# -- official files ----------------------------------------------------------------------------


def test_there_is_a_file_for_every_reader():
    readers = {name for name in list_benchmarks() if benchmark_info(name).read}
    assert readers == {make().benchmark for make in OFFICIAL.values()}


@pytest.mark.parametrize("name", OFFICIAL)
def test_valid_files_are_read(name, tmp_path):
    files = OFFICIAL[name]()
    contents = {file: files.write(content) for file, content in files.files.items()}
    assert outcome(read_official(name, files, tmp_path / "files", contents), {}, None) == "table"


@pytest.mark.parametrize("name", OFFICIAL)
def test_mutated_files_give_a_table_or_our_sentence(name, tmp_path):
    counts = attack_official(name, tmp_path / "files", SUITE)
    assert counts.get("DataCorruptError", 0) > SUITE / 4


# -- columns in ZCBENCH_DATA -------------------------------------------------------------------

#: by benchmark, the files that it is converted from, and the column whose first values choose the rows
COLUMNS = {
    "autoformer-224": (("autoformer_vit/tanglenas_autoformer_cifar100",), "img_size"),
    "autoformer-32": (("autoformer_vit/tanglenas_autoformer_cifar100",), "img_size"),
    "darts-swap": (("nasbench301/swap_darts_cifar10",), "genotype"),
    "flexibert": (("bert_nas/bert_benchmark_500",), "layers"),
    "hwnasbench": (("hwnasbench/hwnasbench_nb201", "hwnasbench/help_latency_nasbench201"), "index"),
    "nasbench101": (("nasbench101/nb101_sample_20001",), "adj_upper"),
    "nasbench201": (("nasbench201/nb201_accuracies", "nasbench201/nb201_ncp_flops_params"), "arch_str"),
    "nasbench301": (("nbsuitezero/zc_nasbench301_725", "nbsuitezero/zc_nasbench301_500"), "arch"),
    "nasbenchgraph": (("nasbenchgraph/nasbenchgraph_light",), "arch_hash"),
    "nasbenchmacro": (("nasbenchmacro/nasbenchmacro_cifar10",), "arch"),
    "nasbenchmr": (("nasbenchmr/nasbenchmr",), "embedding"),
    "nasbenchnlp": (("nasbenchnlp/wt2_runs",), "recepie"),
    "nats-records": (("nats_fixtures/curves",), "epoch"),
    "nats-size": (("nats_sss/nats_sss_cifar10",), "arch"),
    "ofa-mbv3": (("ofa_mbv3/dynas_mbv3_w10",), "Sub-network"),
    "transnasbench101-macro": (("transnasbench101/tnb101_macro",), "arch"),
    "transnasbench101-micro": (("transnasbench101/tnb101_micro",), "arch"),
}


def first_rows(name, data_folder):
    """The first rows of the files of a benchmark, as columns."""
    pq = pytest.importorskip("pyarrow.parquet")
    files, by = COLUMNS[name]
    frames = {}
    for file in files:
        table = pq.read_table(data_folder / f"{file}.parquet")
        if by == "img_size":
            size = int(name.removeprefix("autoformer-"))
            rows = [row for row in table.to_pylist() if row["img_size"] == size and row["optimizer"] != "gdas"][:4]
        else:
            kept = set(list(dict.fromkeys(table.column(by).to_pylist()))[:4])
            rows = [row for row in table.to_pylist() if row[by] in kept]
        frames[file] = {column: [row[column] for row in rows] for column in rows[0]}
    return frames


def changed_columns(frame, rng):
    """Columns, one of which has other kinds of values, or is missing, or whose rows are others."""
    import pyarrow

    frame = {name: list(values) for name, values in frame.items()}
    # Tables have many columns that are not read: the first are names and accuracies.
    name = rng.choice(list(frame)[:12])
    values = frame[name]
    step = rng.choice(("text", "none", "nest", "truth", "drop", "again", "swap", "odd", "big", "order"))
    if step == "drop":
        del frame[name]
    elif step == "again":
        row = rng.randrange(len(values))
        frame = {column: [*entries, entries[row]] for column, entries in frame.items()}
    elif step == "order":
        rng.shuffle(values)
    elif step == "swap":
        other = rng.choice(list(frame))
        frame[name], frame[other] = frame[other], values
    else:
        new = {
            "text": [str(value) for value in values],
            "none": [None, *values[1:]],
            "nest": [[value] for value in values],
            "truth": [True for _ in values],
            "odd": [rng.choice(("", "x", "0.5", "nan", "[1]", "(1, 2)", "१२")) for _ in values],
            "big": [rng.choice((1e308, float("inf"), float("nan"), -1.0)) for _ in values],
        }
        frame[name] = new[step]
    return pyarrow.table(frame)


def as_parquet(table):
    import pyarrow
    import pyarrow.parquet as pq

    sink = pyarrow.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def attack_columns(name, data_folder, folder, count, seed=0, report=None):
    """Mutate the columns that a benchmark is converted from; returns how many of each outcome."""
    import pyarrow

    info, rng, counts = benchmark_info(name), random.Random(f"{name}{seed}"), {}
    frames = first_rows(name, data_folder)
    valid = {file: as_parquet(pyarrow.table(frame)) for file, frame in frames.items()}

    def read():
        with _load.explained(folder):
            return _load.make_benchmark(info, _load._checked(info, info.convert(folder)))

    for number in range(-1, count):
        for file, content in valid.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / f"{file}.parquet").write_bytes(content)
        if number >= 0:
            file = rng.choice(list(valid))
            try:
                new = damaged(valid[file], rng) if number % 2 else as_parquet(changed_columns(frames[file], rng))
            except (pyarrow.ArrowException, TypeError, OverflowError):  # the format cannot hold it
                continue
            (folder / f"{file}.parquet").write_bytes(new)
        result = outcome(read, counts, report, name, number, file)
        assert number >= 0 or result == "table"
    return counts


def test_columns_are_known_of_every_benchmark_that_has_some():
    no_columns = {"timm", "lcdb11"}
    assert {name for name in list_benchmarks() if benchmark_info(name).convert} == {*COLUMNS, *no_columns}


@pytest.mark.parametrize("name", COLUMNS)
def test_mutated_columns_give_a_table_or_our_sentence(name, data_folder, tmp_path):
    counts = attack_columns(name, data_folder, tmp_path / "data", SUITE)
    assert counts.get("DataCorruptError", 0) > SUITE / 4


# -- the cache ---------------------------------------------------------------------------------


def arrays_of(path):
    with np.load(path, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def as_npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), allow_pickle=True)
    return file.getvalue()


def changed_cache(arrays, rng):
    """The bytes of a cache, one of whose members is another."""
    members = {f"{name}.npy": as_npy(array) for name, array in arrays.items()}
    name = rng.choice(list(arrays))
    array = arrays[name]
    step = rng.choice(("head", "head", "kind", "kind", "shape", "shape", "drop", "again", "count", "name"))
    if step == "head":
        head = json.loads(arrays["head"].tobytes())
        text = json.dumps(changed(head, rng)).encode(errors="surrogatepass")
        members["head.npy"] = as_npy(np.frombuffer(text, np.uint8))
    elif step == "kind":
        kinds = (object, "U9", "S9", bool, complex, "M8[s]", np.float16, [("a", float)], "V3")
        members[f"{name}.npy"] = as_npy(np.zeros(array.shape, rng.choice(kinds)))
    elif step == "shape":
        shapes = ((), (0,), (1,), (len(array) + 1, *array.shape[1:]), (*array.shape, 2), (*array.shape[:1], 0))
        members[f"{name}.npy"] = as_npy(np.zeros(rng.choice(shapes), array.dtype))
    elif step == "drop":
        del members[f"{name}.npy"]
    elif step == "again":
        members[f"{name[:-1]}x.npy"] = members[f"{name}.npy"]
    elif step == "name":
        members[rng.choice((f"{name}", "values/", "values/../x.npy", "other.npy"))] = members.pop(f"{name}.npy")
    else:
        content = members[f"{name}.npy"]
        for count in (b"(2,", b"(3,", b"(1,", b"(4,"):
            content = content.replace(count, rng.choice((b"(9,", b"(-1", b"(True,"[:3])))
        members[f"{name}.npy"] = content
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return file.getvalue()


def attack_cache(name, folder, count, seed=0, report=None):
    """Mutate the cached table of a benchmark; returns how many of each outcome."""
    files, rng, counts = OFFICIAL[name](), random.Random(f"{name}{seed}"), {}
    info = benchmark_info(files.benchmark)
    contents = {file: files.write(content) for file, content in files.files.items()}
    path = _load.cache_path(files.benchmark)
    save_table(_load.read_source(info, files.place(folder, contents)), path)
    valid, arrays = path.read_bytes(), arrays_of(path)
    for number in range(-1, count):
        if number >= 0:
            try:
                path.write_bytes(damaged(valid, rng) if number % 2 else changed_cache(arrays, rng))
            except (TypeError, ValueError):  # JSON cannot hold it
                continue
        result = outcome(
            lambda: _load.make_benchmark(info, _load._cached(info, path)), counts, report, name, number, path
        )
        assert number >= 0 or result == "table"
    return counts


@pytest.mark.parametrize("name", ["nasbench101", "nds", "nasbenchmacro", "nasbenchgraph", "nats-size"])
def test_mutated_caches_give_a_table_or_our_sentence(name, tmp_path):
    counts = attack_cache(name, tmp_path / "files", 3 * SUITE)
    assert counts.get("DataCorruptError", 0) > SUITE


def test_a_cache_that_is_refused_says_what_to_do(tmp_path):
    attack_cache("nasbenchmacro", tmp_path / "files", 0)
    path = _load.cache_path("nasbenchmacro")
    for step in ("kind", "shape", "text"):
        arrays = arrays_of(path)
        if step == "text":
            arrays["architectures"] = np.frombuffer(b"02012100\n00012110\n33333333", np.uint8)
        elif step == "kind":
            arrays["facts/flops_M"] = np.array([object()] * 3)
        else:
            arrays["facts/flops_M"] = np.zeros(2)
        kept = path.read_bytes()
        np.savez(path, **arrays)
        with pytest.raises(
            DataCorruptError, match="delete it and get the benchmark again:  zcbench data get"
        ) as caught:
            zcbench.get_benchmark("nasbenchmacro")
        assert caught.value.__cause__ is not None
        path.write_bytes(kept)
