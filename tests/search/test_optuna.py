import builtins
import math

import numpy as np
import pytest
from easy import answers, check_restored, digits, keys, problem, run, steps_to_best, total

from zcbench import get_benchmark, get_searcher
from zcbench.errors import InvalidInputError, MissingDependencyError, UnknownNameError
from zcbench.search import Domain, Search
from zcbench.search.optuna import OptunaSearch

optuna = pytest.importorskip("optuna")


@pytest.mark.parametrize("sampler", ["TPESampler", "NSGAIISampler", "RandomSampler"])
def test_proposes_what_the_sampler_suggests(sampler):
    """The same samplers in a study of Optuna's own, seed by seed."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search = run(OptunaSearch(sampler), 30, given=problem(seed=4))
    rng, study, found = np.random.default_rng(4), optuna.create_study(direction="maximize"), []
    while len(found) < 30:
        study.sampler = getattr(optuna.samplers, sampler)(seed=int(rng.integers(2**31)))
        trial = study.ask()
        key = "".join(str(trial.suggest_categorical(f"choice {place}", range(4))) for place in range(1, 7))
        if key in found:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)  # equal networks are no trials
        else:
            study.tell(trial, float(sum(map(int, key))))
            found.append(key)
    assert keys(search) == found


def test_tpe_needs_far_fewer_evaluations_than_random_search():
    assert steps_to_best(OptunaSearch, seeds=range(2), limit=100, space=digits(4, 4)) < 4**4 / 3


@pytest.mark.parametrize("sampler", ["TPESampler", "NSGAIISampler", "NSGAIIISampler"])
@pytest.mark.parametrize("batch", [1, 3])
def test_goes_on_from_its_state_as_if_it_had_not_stopped(sampler, batch):
    def score(one):
        return math.nan if "30" in one.key else total(one)

    check_restored(lambda: OptunaSearch(sampler), steps=40 // batch, every=10 // batch, batch=batch, score=score)


def test_several_objectives():
    def score(one):
        return total(one), -float(one.key[0])

    def setting(seed=0):
        return problem(seed=seed, objectives=2)

    search = check_restored(OptunaSearch, steps=20, score=score, setting=setting)
    assert search.problem.history.good.shape == (20, 2)


@pytest.mark.parametrize("sampler", ["TPESampler", "BruteForceSampler", "RandomSampler"])
def test_a_small_space_is_searched_to_the_end(sampler):
    search = run(OptunaSearch(sampler), 20, batch=2, given=problem(digits(2, 3)))
    assert sorted(keys(search)) == sorted(one.key for one in digits(2, 3)) and search.ended


def test_stays_within_a_table_and_constraints():
    space = digits()
    table = [one for one in space if total(one) % 3 == 0]
    domain = Domain(space, table, allows=lambda several: [one.key[0] != "3" for one in several])
    assert len(run(OptunaSearch(), 25, given=problem(domain=domain)).problem.history) == 25
    rare = problem(domain=Domain(space, table[:5]))
    assert len(run(OptunaSearch("RandomSampler"), 5, given=rare).problem.history) == 5


def test_the_study_has_what_was_evaluated_and_what_is_out():
    class Scorer:
        def good(self, architectures):
            return np.array([total(one) for one in architectures])

    searcher = OptunaSearch("RandomSampler")
    search = Search(searcher, problem(), filter_by=Scorer(), filter_from=10)
    for _ in range(5):
        search.tell(answers(search.ask(1)))
    searcher.ask(1)
    states = [trial.state.name for trial in searcher._study.trials]
    assert states == ["COMPLETE"] * 5 + ["RUNNING"]


def test_the_state_does_not_grow():
    search = run(OptunaSearch("NSGAIISampler"), 60, given=problem(digits(8, 4)))
    early = len(str(search.searcher.state()))
    for _ in range(60):
        search.tell(answers(search.ask(1)))
    assert abs(len(str(search.searcher.state())) - early) < 200


def test_generations_are_those_of_a_study_that_was_never_made_anew():
    search = run(OptunaSearch("NSGAIISampler"), 60, given=problem(digits(8, 4)))
    again = run(OptunaSearch("NSGAIISampler"), 52, given=problem(digits(8, 4)))
    for _ in range(8):
        again.searcher._study = None
        again.tell(answers(again.ask(1)))
    assert keys(search) == keys(again)


def test_a_scorer_chooses_the_first_trials():
    class Scorer:
        def good(self, architectures):
            return np.array([total(one) for one in architectures])

    search = run(OptunaSearch(), 10, given=problem(warm_start=Scorer(), warm_start_from=500))
    assert search.problem.history.good.min() >= 13


def test_what_cannot_be_is_said_in_one_sentence():
    with pytest.raises(UnknownNameError, match="did you mean 'TPESampler'"):
        Search(get_searcher("optuna:sampler=TPESample"), problem())
    with pytest.raises(InvalidInputError, match="GridSampler cannot be made from a seed alone"):
        Search(OptunaSearch("GridSampler"), problem())
    table = get_benchmark("chars-rnn")
    with pytest.raises(InvalidInputError, match="needs a fixed number of choices"):
        Search(OptunaSearch(), problem(domain=Domain(table.space, table.architectures)))
    with pytest.raises(InvalidInputError, match="CmaEsSampler cannot search here"):
        run(OptunaSearch("CmaEsSampler"), 5, score=lambda one: (1, 2), given=problem(objectives=2))


def test_optuna_is_optional(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **named):
        if name == "optuna":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r"zcbench\[optuna\]"):
        Search(OptunaSearch(), problem())


def test_optunas_log_is_as_it_was(capfd):
    optuna.logging.set_verbosity(optuna.logging.INFO)
    run(OptunaSearch(), 3)
    assert optuna.logging.get_verbosity() == optuna.logging.INFO and capfd.readouterr().err == ""
