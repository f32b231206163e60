"""Advice on names that were not found."""

import pytest

from zcbench.cli._hints import explained
from zcbench.errors import InvalidInputError, UnknownNameError


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("naswot", "unknown benchmark 'naswot': it is a proxy: zcbench run digits-201 --proxies naswot"),
        ("evolution", "it is a searcher: zcbench search digits-201 --searcher evolution"),
        ("vote", "it is an ensemble: zcbench show ensemble:vote"),
        ("tabel.csv", "there is no such file, did you mean table.csv?"),
        ("xyz.toml", "there is no such file."),
        ("absent/table.csv", "there is no folder absent."),
        ("table.csv", "it is a file, and this argument must be a name: zcbench list benchmarks"),
        ("digits-202", "unknown benchmark 'digits-202': did you mean 'digits-201'?"),
    ],
)
def test_what_a_name_is(place, name, said):
    place.joinpath("table.csv").write_text("")
    assert said in explained(UnknownNameError("benchmark", name, ["digits-201"]))


def test_other_errors_are_not_changed():
    assert explained(InvalidInputError("x")) == "x"
    error = UnknownNameError("proxy", "digits-201", ["params"])
    assert explained(error) == str(error)
