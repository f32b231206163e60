"""What a column of cells is: numbers, text, or left out with a reason."""

import numpy as np
import pytest

from zcbench.datasets import own_benchmark, read_columns
from zcbench.errors import DataCorruptError


def columns_of(write, cells, separator=";"):
    """Columns of a file with one column besides names and target."""
    rows = [separator.join(("arch", "acc", "p")), *(separator.join((f"n{i}", str(i), c)) for i, c in enumerate(cells))]
    return read_columns(write("\n".join(rows)))


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["1", "+2", "-3"], [1, 2, -3]),
        (["1.", ".5", "1e5"], [1, 0.5, 1e5]),
        (["1E-5", " 1 ", "−4"], [1e-5, 1, -4]),  # the last with a minus sign, not a hyphen
        (["90,5", "1,25", "3"], [90.5, 1.25, 3]),
        (["0,125", "1,234", ",5"], [0.125, 1.234, 0.5]),
        (["1,234", "2,345"], [1.234, 2.345]),  # whichever is meant, their order is the same
        (["93.5%", "91 %"], [93.5, 91]),
        (["93,5 %", "91%"], [93.5, 91]),
        (["true", "FALSE"], [1, 0]),
        (["yes", "No", "NA"], [1, 0, np.nan]),
        (["", "NA", "nan", "None", "null", "-", "#N/A", "<NA>", "-nan", "3", "4"], [*[np.nan] * 9, 3, 4]),
        (["inf", "-Infinity", "1e999", "1"], [np.inf, -np.inf, np.inf, 1]),
    ],
)
def test_cells_that_are_numbers(write, cells, numbers):
    np.testing.assert_array_equal(columns_of(write, cells).numbers["p"], numbers)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["8_16", "16_8"], "it is text ('8_16' in line 2)"),
        (["１２", "１３"], "it is text ('１２' in line 2)"),
        (["0x10", "0x11"], "it is text ('0x10' in line 2)"),
        (["1", "infinite"], "it is text ('infinite' in line 3)"),
        (["02012100", "11111111"], "it is text, as '02012100' in line 2 begins with 0"),
        (["1,5", "1.5"], "it mixes decimal commas and points ('1,5' in line 2, '1.5' in line 3)"),
        (["1,5%", "1.5%"], "it mixes decimal commas and points"),
        (["93.5%", "0.93"], "it mixes '93.5%' in line 2 with '0.93' in line 3"),
        (["5", "1,234"], "'1,234' in line 3 may have a decimal comma or a thousands separator"),
        (["1,234.5", "999"], "'1,234.5' in line 2 has thousands separators"),
        (["1,234,567", "2"], "'1,234,567' in line 2 has thousands separators"),
        (["1.234,5", "2"], "'1.234,5' in line 2 has thousands separators"),
        (["1'234", "2"], "has thousands separators"),
        (["1\u202f234", "2"], "has thousands separators"),
        (["1,234", "99.5"], "'1,234' in line 2 has thousands separators"),
        (["#DIV/0!", "2"], "it is text ('#DIV/0!' in line 2)"),
        ([*map(str, range(20)), "2x"], "'2x' in line 22 is not a number"),
        (["", "NA"], "it has no values"),
    ],
)
def test_columns_that_are_left_out_are_named(write, cells, reason):
    found = columns_of(write, cells)
    assert "p" not in found.numbers
    assert reason in found.left_out["p"]
    assert found.texts["p"] == cells
    table = own_benchmark(write("arch;acc;p\n" + "".join(f"n{i};{i};{c}\n" for i, c in enumerate(cells))), "acc")
    assert any(note.startswith("The column 'p' is excluded because ") and reason in note for note in table.notes)


def test_points_beside_decimal_commas_may_separate_thousands(write):
    found = read_columns(write("arch;acc;p;q\na;90,5;1.234;1.5\nb;91,5;2.345;1.25\n"))
    assert "may have a decimal point or a thousands separator" in found.left_out["p"]
    assert found.numbers["q"].tolist() == [1.5, 1.25]


def test_decimal_commas_of_a_target(write):
    for content in ("arch;acc\na;90,5\nb;91,5\n", "arch\tacc\na\t90,5\nb\t91,5\n", 'arch,acc\na,"90,5"\nb,"91,5"\n'):
        assert own_benchmark(write(content), "acc").truth().tolist() == [90.5, 91.5]
    with pytest.raises(DataCorruptError, match=r"line 2: 3 values for 2 columns. If 90,5 is one number, its comma"):
        own_benchmark(write("arch,acc\na,90,5\nb,91,5\n"), "acc")
    with pytest.raises(DataCorruptError, match="the column 'acc' is not a column of numbers: it mixes decimal commas"):
        own_benchmark(write("arch;acc\na;90,5\nb;91.5\n"), "acc")


def test_numbers_that_no_float_holds_are_noticed(write):
    table = own_benchmark(write("arch,acc,p,q\na,1,9007199254740993,9007199254740992\nb,2,1,inf\n"), "acc")
    assert table.notes == (
        "In 'p' 1 whole number is beyond 2**53 and rounded, first '9007199254740993' in line 2.",
        "In 'q' 1 value is infinite, first 'inf' in line 3.",
    )


def test_missing_values_are_counted(write):
    table = own_benchmark(write("arch,acc,p\na,,1\nb,2,\nc,3,NA\nd,4,4\n"), "acc")
    assert table.notes == (
        "Of 4 rows, values are missing: 2 of 'p'.",
        "Of 4 architectures, 3 are trained, as they have a value of 'acc', and 1 is a candidate.",
    )


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " ", "  "])
def test_only_ascii_digits_make_numbers(write, separator):
    """Whatever Python's float() takes beyond them is text, and every plain float is read as it is."""
    rng = np.random.default_rng(0)
    plain = [repr(float(x)) for x in rng.normal(size=50) * 10.0 ** rng.integers(-20, 20, 50)]
    content = "\n".join(separator.join((f"n{i}", str(i), x, f"{i}_{i}")) for i, x in enumerate(plain))
    found = read_columns(write(separator.join(("arch", "acc", "p", "q")) + "\n" + content))
    assert found.numbers["p"].tolist() == [float(x) for x in plain]
    assert set(found.left_out) == {"arch", "q"}


@pytest.mark.parametrize(
    "content",
    [
        "arch\tacc\tflops\na\t0.93\t1,234\nb\t0.9\t12,345\n",
        "arch|acc|flops\na|0.93|1,234\nb|0.9|12,345\n",
        "arch;acc;flops\na;0.93;1,234\nb;0.9;12,345\n",
        "arch\tacc\tparams\tflops\na\t93\t1,234,567\t1,234\nb\t94\t2,345,678\t12,345\n",
        "arch;acc;params;flops\na;93;1.234.567;1.234\nb;94;2.345.678;12.345\n",
        "arch;acc;params;flops\na;93;1.234,5;1.234\nb;94;2.345,5;12.345\n",
    ],
)
def test_other_columns_tell_that_thousands_are_separated(tmp_path, content):
    """1,234 beside 0.93 or 1,234,567 is no 1.234, and 1.234 beside 1.234.567 neither."""
    path = tmp_path / "a.csv"
    path.write_text(content)
    columns = read_columns(path)
    assert "flops" not in columns.numbers
    assert "thousands separator" in columns.left_out["flops"]
    assert columns.numbers["acc"][0] in (0.93, 93)
