"""The registry of searchers: names, settings, labels."""

from typing import ClassVar

import pytest
from toys import registry_as_it_was

import zcbench
from zcbench.errors import DuplicateNameError, InvalidInputError, UnknownNameError
from zcbench.search import random_search


def test_settings_follow_the_name():
    searcher = zcbench.get_searcher("evolution:sample=4:population=12")
    assert (searcher.population, searcher.sample) == (12, 4)
    assert searcher.label_ == "evolution:population=12:sample=4"
    assert zcbench.get_searcher(searcher.label_).label_ == searcher.label_
    default = zcbench.searcher_info("evolution").parameters["population"]
    assert zcbench.get_searcher(f"evolution:population={default}").label_ == "evolution"
    assert zcbench.get_searcher("random") is not zcbench.get_searcher("random")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("evolutoin", "unknown searcher 'evolutoin': did you mean 'evolution'"),
        ("evolution:populaton=3", "unknown setting of evolution 'populaton': did you mean 'population'"),
        ("evolution:population", "write settings as evolution:setting=value"),
        ("evolution:population=many", "'many' is not a whole number"),
        ("evolution:population=0", "population"),
    ],
)
def test_bad_names(text, message):
    with pytest.raises((UnknownNameError, InvalidInputError), match=message):
        zcbench.get_searcher(text)


@pytest.mark.parametrize("name", zcbench.list_searchers())
def test_every_searcher_says_where_it_comes_from_and_what_its_settings_may_be(name):
    info = zcbench.searcher_info(name)
    assert info.reference and info.summary and info.version >= 1
    assert info.code == ""
    numbers = {key for key, value in info.parameters.items() if type(value) in (int, float)}
    assert numbers == set(info.ranges)


def test_what_cannot_be_registered():
    class Mine(random_search.RandomSearch):
        """Mine."""

        ranges: ClassVar = {"size": (1, 5)}

        def __init__(self, size: int = 3) -> None:
            self.size = size

    class Needs(Mine):
        def __init__(self, strength) -> None: ...

    class Beyond(Mine):
        def __init__(self, size: int = 9) -> None: ...

    with registry_as_it_was():
        zcbench.register_searcher("t-mine")(Mine)
        assert zcbench.searcher_info("t-mine").ranges == {"size": (1, 5)}
        with pytest.raises(DuplicateNameError):
            zcbench.register_searcher("t-mine")(Mine)
        zcbench.register_searcher("t-mine", version=2, override=True)(Mine)
        assert zcbench.searcher_info("t-mine").version == 2
        with pytest.raises(InvalidInputError, match="register a subclass of"):
            zcbench.register_searcher("t-x")(object)
        with pytest.raises(InvalidInputError, match="'strength' needs a default"):
            zcbench.register_searcher("t-x")(Needs)
        with pytest.raises(InvalidInputError, match="size"):
            zcbench.register_searcher("t-x")(Beyond)
        with pytest.raises(InvalidInputError, match="positive integer"):
            zcbench.register_searcher("t-x", version=0)
        assert len(zcbench.searcher_info("t-mine").code) > 8
