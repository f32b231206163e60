"""A manifest is read whole or refused with the number of the line."""

import hashlib
import re

import pytest
from toys import toy

from zcbench._imports import space_named
from zcbench.datasets import own_benchmark
from zcbench.errors import InvalidInputError
from zcbench.runs._manifest import manifest_text, read_manifest
from zcbench.types import Architecture


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "sample.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_what_is_written_is_read_back(written):
    benchmark = toy()
    chosen = benchmark.architectures[2::-1]
    text = manifest_text(benchmark, chosen, "drawn\nby hand")
    found = read_manifest(written(text), benchmark)
    assert found.architectures == chosen
    assert found.notes == ()
    # The digest is what sha256sum says of the lines without comments.
    lines = "".join(line + "\n" for line in text.splitlines() if not line.startswith("#"))
    assert found.digest == hashlib.sha256(lines.encode()).hexdigest()
    assert found.digest in text


def test_comments_blanks_and_ends_of_lines_do_not_matter(written):
    benchmark = toy()
    a, b = (architecture.key for architecture in benchmark.architectures[:2])
    plain = read_manifest(written(f"{a}\n{b}\n"), benchmark)
    other = read_manifest(written(f"\ufeff# mine\r\n\r\n  {a}  \r\n\t# {b}\r\n{b}"), benchmark)
    assert (other.architectures, other.digest) == (plain.architectures, plain.digest)
    assert read_manifest(written(f"{b}\n{a}\n"), benchmark).digest != plain.digest


def test_any_form_that_the_space_reads(written):
    benchmark = toy()
    architecture = benchmark.architectures[1]
    form = list(benchmark.space.choices(architecture))
    found = read_manifest(written(f"{form}\n"), benchmark)
    assert found.architectures == (architecture,)
    assert found.digest == read_manifest(written(architecture.key), benchmark).digest


def test_bad_lines_are_named(written):
    benchmark = toy()
    good = benchmark.architectures[0].key
    with pytest.raises(InvalidInputError, match=r"sample\.txt, line 3: 'nonsense'") as error:
        read_manifest(written(f"# head\n{good}\nnonsense\n\nmore\n{good}\nlast\n"), benchmark)
    assert "2 more such lines: 5, 7." in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"), [("", "lists no"), ("# a\n\n", "lists no"), (b"a\n\xff\n", "line 2.*UTF-8")]
)
def test_what_is_no_list_is_refused(written, content, said):
    with pytest.raises(InvalidInputError, match=said):
        read_manifest(written(content), toy())


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InvalidInputError, match="cannot read"):
        read_manifest(tmp_path / "none", toy())
    with pytest.raises(InvalidInputError, match="cannot read"):
        read_manifest(tmp_path, toy())


def test_duplicates_and_equal_networks_are_named(written):
    space = toy().space
    # Two strings of one network: an edge without effect may be any.
    twins = {}
    for architecture in space:
        twins.setdefault(space.canonical(architecture).key, []).append(architecture.key)
    one, other = next(keys for keys in twins.values() if len(keys) > 1)[:2]
    benchmark = toy(
        [1, 2, 3],
        keys=[
            one,
            other,
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        ],
    )
    found = read_manifest(written(f"{one}\n{other}\n{one}\n{one}\n"), benchmark)
    assert [architecture.key for architecture in found.architectures] == [one, other]
    assert len(found.notes) == 2
    assert re.search(r"lines 3 \(as 1\), 4 \(as 1\) name an architecture again", found.notes[0])
    assert re.search(r"line 2 \(equal to 1\) names a network again", found.notes[1])


def test_what_is_not_in_the_table_needs_a_network(written, tmp_path):
    benchmark = toy([1, 2])
    other = next(a for a in toy([0] * 9).architectures if a not in benchmark)
    found = read_manifest(written(f"{benchmark.architectures[0].key}\n{other.key}\n"), benchmark)
    assert found.architectures == (benchmark.architectures[0], other)
    assert "line 2 names an architecture that is not in the table" in found.notes[0]
    table = tmp_path / "my.csv"
    table.write_text("arch,acc\na,1\nb,2\nc d,3\n")
    own = own_benchmark(table, "acc")
    assert [a.key for a in read_manifest(written("c d\na\n"), own).architectures] == ["c d", "a"]
    with pytest.raises(InvalidInputError, match=r"line 2: 'e' is not in the table of .*cannot be built"):
        read_manifest(written("a\ne\n"), own)
    (tmp_path / "nets.py").write_text("def build(name): ...\n")
    built = own_benchmark(table, "acc", space=space_named(f"{tmp_path}/nets.py:build"))
    assert len(read_manifest(written("a\ne\n"), built).architectures) == 2


def test_another_writing_of_a_row_is_the_row(written):
    space = toy().space
    twins = {}
    for architecture in space:
        twins.setdefault(space.canonical(architecture).key, []).append(architecture.key)
    canonical, keys = next((c, keys) for c, keys in twins.items() if len(keys) > 1)
    other = next(key for key in keys if key != canonical)
    benchmark = toy([1, 2], keys=[canonical, toy().architectures[0].key])
    found = read_manifest(written(other), benchmark)
    assert [architecture.key for architecture in found.architectures] == [canonical]


@pytest.mark.parametrize("name", ["#a", " a", "a\nb", ""])
def test_a_name_that_no_line_can_hold(name):
    with pytest.raises(InvalidInputError, match="has a line break"):
        manifest_text(toy(), [Architecture("table", name)])
