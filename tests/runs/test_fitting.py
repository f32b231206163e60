"""What a worker does to fit a predictor: what it is fed, what identifies that, and whose code it runs."""

import dataclasses
import textwrap

import numpy as np
import pytest
from toys import distinct_cells, registry_as_it_was, toy

import zcbench
from zcbench._imports import import_file
from zcbench.encodings import Needs
from zcbench.errors import InvalidInputError, UnknownNameError, ZcbenchError
from zcbench.records import Store
from zcbench.runs import Track, run_predictors
from zcbench.runs._fitting import PredictorFitting
from zcbench.runs._pool import pool_of, with_curves

ENCODING = """
import zcbench

@zcbench.register_encoding("t-hinted", arguments="hint", override=True)
class Hinted(zcbench.TableEncoding):
    '''A column of the table.'''

    def __init__(self, column):
        super().__init__()
        self.column = column

    def look_up(self, feed):
        return 2 * feed.fact(self.column) + 1
"""
#: what trials of old have, of the table below
OLD = {
    "gp": "32dedf61db06-c0498e762174",
    # without "hint", which alone ranks the target, and without the time of training
    "gp:encoding=columns": "32dedf61db06-a0716502e79c",
    "gp:encoding=onehot+proxies(params+zen)": "32dedf61db06-9bde7cf98abe",
    "sotl:encoding=curve(loss/2)": "32dedf61db06-aa4be91db4dc",
}
LABEL = "bayesian_ridge:encoding=t-hinted(hint)"


def benchmark(n=24, **facts):
    drawn = distinct_cells(n)
    quality = np.random.default_rng(0).normal(size=n)
    made = toy(quality, keys=[a.key for a in drawn])
    losses = (3 - quality)[:, None, None] + np.exp(-np.arange(5))
    known = {"hint": quality + 0.1, "more": np.arange(n) * 1.0, "train_seconds": np.full(n, 50.0)}
    return dataclasses.replace(made, curves={"loss": losses}, facts={**known, **facts})


def fitting(made, curves=("loss",)):
    return PredictorFitting(with_curves(pool_of(made), made, curves))


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "plugin.py"
    path.write_text(ENCODING)
    with registry_as_it_was():
        import_file(str(path))
        yield path


def trials(folder, made, label=LABEL, **changes):
    """The trials of a run, and how many of them it computed."""
    steps = []
    track = Track(predictors=(label,), train_sizes=(8,), seeds=2)
    found = run_predictors(track, made, Store(folder), progress=steps.append, **changes)
    assert {trial.status for trial in found} == {"ok"}
    return found, steps[-1].done - steps[0].done


# -- one file registers an encoding that is fed from a table ----------------------------------------


def test_a_strangers_encoding_in_workers_resumed_and_told_apart(plugin, tmp_path):
    made = benchmark()
    first, computed = trials(tmp_path / "s", made, workers=1, imports=[str(plugin)])
    assert computed == 2
    assert min(trial.metrics["tau"] for trial in first) > 0.95
    assert {len(trial.code) for trial in first} == {16}
    again, computed = trials(tmp_path / "s", made)
    assert (again, computed) == (first, 0)
    unseen, computed = trials(tmp_path / "s", benchmark(more=np.ones(24)))
    assert (unseen, computed) == (first, 0)  # a column that it does not see
    other, computed = trials(tmp_path / "s", benchmark(hint=np.arange(24.0)))
    assert computed == 2
    assert {t.data for t in other}.isdisjoint(t.data for t in first)
    assert max(trial.metrics["tau"] for trial in other) < 0.95


def test_an_edited_encoding_is_never_taken_for_the_old_one(plugin, tmp_path):
    made = benchmark()
    first, _ = trials(tmp_path / "s", made)
    edited = tmp_path / "edited.py"
    edited.write_text(ENCODING.replace("+ 1", "- 1"))
    import_file(str(edited))
    second, computed = trials(tmp_path / "s", made)
    assert computed == 2
    assert {t.code for t in second}.isdisjoint(t.code for t in first)
    same = tmp_path / "same.py"
    same.write_text(ENCODING)
    import_file(str(same))
    third, computed = trials(tmp_path / "s", made)
    assert (third, computed) == (first, 0)


def test_a_worker_does_not_run_what_was_edited_meanwhile(plugin, tmp_path):
    plugin.write_text(ENCODING.replace("2 *", "-2 *"))
    with pytest.raises(ZcbenchError, match="a file was edited meanwhile"):
        trials(tmp_path / "s", benchmark(), workers=1, imports=[str(plugin)])


def test_a_table_without_what_a_strangers_encoding_shows(plugin, tmp_path):
    with pytest.raises(UnknownNameError, match="unknown column 'hunt': did you mean 'hint'"):
        trials(tmp_path / "s", benchmark(), "bayesian_ridge:encoding=t-hinted(hunt)")


# -- what identifies trials ---------------------------------------------------------------------


def test_digests_of_what_is_learned_from_are_those_of_old():
    """Trials that were stored before encodings had a protocol are found again."""
    pool = fitting(benchmark()).pool
    made = PredictorFitting(dataclasses.replace(pool, scores={"zen": np.arange(24.0), "params": np.ones(24)}))
    assert {label: made.digest(label) for label in OLD} == OLD


def test_digests_change_with_what_is_seen():
    made, other = benchmark(), benchmark(more=np.ones(24))
    for label, same in (("gp", True), ("gp:encoding=columns", False), ("gp:encoding=columns(hint)", True)):
        assert (fitting(made).digest(label) == fitting(other).digest(label)) is same, label
    longer = dataclasses.replace(made, curves={"loss": np.repeat(made.curves["loss"], 2, axis=2)})
    for label, same in (("sotl:encoding=curve(loss/1)", True), ("lcsvr:encoding=stats+curve(loss/2)", False)):
        assert (fitting(made).digest(label) == fitting(longer).digest(label)) is same, label


def test_code_of_predictors_their_members_and_encodings(tmp_path):
    text = """
    import zcbench
    @zcbench.register_predictor("t-own", override=True)
    class Own(zcbench.VectorPredictor):
        '''The first column.'''
        def _learn(self, x, y): pass
        def _value(self, x): return x[:, 0]
    """
    made = fitting(benchmark())
    with registry_as_it_was():
        for name, content in (("own", text), ("hinted", ENCODING)):
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(content))
            import_file(str(tmp_path / f"{name}.py"))
        labels = ["gp", "t-own", LABEL, "mean:members=(gp+t-own)", f"mean:members=(gp+{LABEL})", "omni:regressor=t-own"]
        codes = [made.code(label) for label in labels]
        assert codes[0] == ""
        assert all(codes[1:])
        (tmp_path / "edited.py").write_text(textwrap.dedent(text).replace("x[:, 0]", "-x[:, 0]"))
        import_file(str(tmp_path / "edited.py"))
        after = [made.code(label) for label in labels]
        assert [a == b for a, b in zip(codes, after, strict=True)] == [True, False, True, False, True, False]


def test_code_of_the_space_that_is_learned_from_first(tmp_path):
    text = """
    import zcbench
    from zcbench.spaces import TableSpace
    class Mine(TableSpace):
        '''Names.'''
        def __init__(self):
            super().__init__("t-mine")
        def encode(self, architecture):
            return [len(architecture.key)]
    zcbench.register_space(Mine(), override=True)
    """
    pool = pool_of(benchmark())
    made = PredictorFitting(pool, dataclasses.replace(pool, space="t-mine"))
    with registry_as_it_was():
        codes = []
        for number, content in enumerate((text, text.replace("[len", "[-len"), text)):
            path = tmp_path / f"{number}.py"
            path.write_text(textwrap.dedent(content))
            import_file(str(path))
            codes.append(made.code("gp"))
    assert codes[0] == codes[2] != codes[1]


# -- what predictors are fed -----------------------------------------------------------------------


def test_encodings_are_fed_what_all_pools_have():
    made = benchmark(depth=np.arange(24.0) % 5)
    facts = {name: values for name, values in made.facts.items() if name != "more"}
    two = PredictorFitting(pool_of(made), pool_of(dataclasses.replace(made, name="other", facts=facts)))
    (fed,) = two.fed(zcbench.get_predictor("gp:encoding=columns")).encodings()
    assert fed.names == ("depth",)  # "hint" alone ranks the target, and only one table has "more"
    with pytest.raises(InvalidInputError, match="has no columns of numbers besides the target"):
        fitting(dataclasses.replace(made, facts={})).fed(zcbench.get_predictor("gp:encoding=columns"))


def two_pools(n=24):
    """Two pools of the same architectures, in which a proxy says the truth, and of the second the opposite."""
    pool = pool_of(benchmark(n))
    own = dataclasses.replace(pool, scores={"params": pool.truth})
    first = dataclasses.replace(pool, truth=-pool.truth, scores={"params": 10 - pool.truth})
    return own, first


def test_where_two_pools_know_an_architecture_each_shows_its_own_scores():
    own, first = two_pools()
    made, label = PredictorFitting(own, first), "gp:encoding=proxies(params)"
    others = first.architectures[:8]
    (fed,) = made.fed(zcbench.get_predictor(label), others).encodings()
    rows = np.concatenate(fed.rows(own.architectures))
    assert rows.tolist() == [*first.scores["params"][:8], *own.scores["params"][8:]]
    ((_, result),) = made.results("0 bayesian_ridge:encoding=proxies(params)", ["12+0"])
    assert result.status == "ok"
    assert result.metrics["tau"] == pytest.approx(1)  # scores of the first pool would give -1
    # Trials of old, which took the scores of one pool for both, are no trials of this.
    same = PredictorFitting(own, dataclasses.replace(first, scores=own.scores))
    copies = [made.digest(label), same.digest(label), made.digest("gp"), same.digest("gp")]
    assert copies[0] != copies[1]
    assert copies[2] == copies[3]


def test_needs_are_those_of_all_members():
    encodings = zcbench.get_predictor("mean:members=(omni+sotl:encoding=curve(loss/2))").encodings()
    assert Needs.of(encodings) == Needs(("jacov",), ("valid_nll", "loss"))
