"""Four verbs for every kind, and labels that name what they are read from."""

import ast
import math
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import registry_as_it_was

import zcbench
import zcbench.runs
from zcbench._kinds import KINDS, isolated
from zcbench._notation import Part, Sum, Term, parse_term
from zcbench.batches._register import _BATCHES
from zcbench.ensembles import get_ensemble, list_ensembles
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.predictors import predictor_info
from zcbench.proxies._register import BATCH_NORM
from zcbench.types import COMMON_SETTINGS, written

NOUNS = [kind.noun for kind in KINDS]
READ = {
    "proxy": (zcbench.get_proxy, lambda made: made.label),
    "predictor": (zcbench.get_predictor, lambda made: made.label_),
    "encoding": (zcbench.get_encoding, lambda made: made.name),
    "ensemble": (get_ensemble, lambda made: made.label),
    "space": (zcbench.get_space, lambda made: made.name),
    "batch": (_BATCHES.get, lambda made: made.label),
}


# -- verbs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=NOUNS)
def test_every_kind_has_four_public_verbs(kind):
    for verb in kind.verbs:
        assert callable(getattr(zcbench, verb))
        assert verb in zcbench.__all__
        assert getattr(zcbench, verb).__doc__


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(zcbench.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.asname: node.module for node in block.body for alias in node.names}
    assert seen == zcbench._PUBLIC


@pytest.mark.parametrize("kind", KINDS, ids=NOUNS)
def test_infos_have_names_and_summaries_and_patterns_choose(kind):
    names = kind.names()
    assert names and set(kind.names("*")) == set(names)
    for name in names:
        info = kind.info(name)
        assert info.name == name
        assert isinstance(info.summary, str) and info.summary
    first = names[0]
    assert set(kind.names(first, f"{first[0]}*")) == {name for name in names if name[0] == first[0]}
    said = kind.noun.replace("_", " ")
    for look_up in (kind.info, kind.names):
        with pytest.raises(UnknownNameError, match=f"unknown .*{said}.* 'no-such-name'"):
            look_up("no-such-name")
        with pytest.raises(InvalidInputError, match="text"):
            look_up(5)


@pytest.mark.parametrize("noun", READ)
def test_every_name_is_read_back(noun):
    get, label = READ[noun]
    kind = KINDS[NOUNS.index(noun)]
    for name in kind.names():
        if noun == "ensemble" and not kind.info(name).members:
            continue
        if noun == "encoding" and getattr(kind.info(name), "arguments", ""):
            continue
        assert label(get(name)) == name


def test_old_names_work_and_say_their_new_ones():
    with pytest.warns(DeprecationWarning, match="load_benchmark is called get_benchmark now"):
        assert zcbench.load_benchmark(name="digits-201").name == "digits-201"
    with pytest.warns(DeprecationWarning, match="load_batch is called get_batch now"):
        batch = zcbench.load_batch(dataset="digits", size=4, seed=2)
    assert batch.provenance == zcbench.get_batch("digits", 4, 2).provenance
    for module in (zcbench.datasets, zcbench.batches):
        with pytest.raises(AttributeError, match="has no attribute 'load_nothing'"):
            module.load_nothing  # noqa: B018
    code = "import warnings; warnings.simplefilter('error'); import zcbench, zcbench.datasets, zcbench.batches"
    subprocess.run([sys.executable, "-c", code], check=True)


# -- isolation ---------------------------------------------------------------------------------


def test_isolated_undoes_what_was_registered():
    def state():
        return {kind.noun: dict(kind.entries._entries) for kind in KINDS}

    before = state()
    with isolated():
        zcbench.register_proxy("t-mine")(lambda probe: 1.0)
        zcbench.register_proxy("naswot", override=True)(lambda probe: 2.0)
        zcbench.register_batch("t-mine", classes=2)(lambda: None)
        zcbench.register_ensemble("t-mine", members="naswot")(lambda scores, weights: scores[0])
        assert zcbench.get_proxy("naswot").function(None) == 2.0
        assert state() != before
    assert state() == before
    with pytest.raises(ZeroDivisionError), isolated():
        zcbench.register_proxy("t-mine")(lambda probe: 1.0)
        1 / 0  # noqa: B018
    assert state() == before


# -- labels ------------------------------------------------------------------------------------

#: Old records carry these: they must never change.
PINNED = {
    "proxy": (
        *(
            "naswot",
            "naswot:repeats=3",
            "ntk_cond:batch_norm=eval:epochs=2",
            "ntk_cond:batch_norm=eval",
            "synflow:steps=100",
        ),
        *("v_pca:eta=1e-05", "zico:batches=4", "ntk_cond:samples=16"),
    ),
    "predictor": (
        *(
            "gp",
            "gp:encoding=onehot",
            "gp:encoding=onehot+proxies(params+zen)",
            "gcn:loss=hinge",
            "gates:encoding=graph",
        ),
        "mean:members=(gp+xgboost+lightgbm+gcn:loss=hinge+gates+gates:encoding=graph)",
        *("mean:members=gp+gcn", "random_forest:encoding=atoms", "random_forest:trees=20", "gp:encoding=stats:seed=3"),
    ),
    "encoding": (
        *("onehot", "onehot+stats", "proxies(params+naswot)", "curve(valid_nll/3)"),
        *("onehot+proxies(params+naswot:repeats=2)+curve(valid_nll/3)",),
    ),
    "ensemble": (
        *("vote", "vote(naswot+synflow)", "mean_rank(naswot+2*synflow)", "mean_rank(0.1*naswot:repeats=3+1e-05*snip)"),
    ),
    "batch": ("digits", "cifar100@224", "noise@64", "wikitext2@10000", "pydoc-masked"),
    "space": ("digits-201", "nasbench201"),
}


@pytest.mark.parametrize(("noun", "label"), [(noun, label) for noun in PINNED for label in PINNED[noun]])
def test_labels_of_today_stay(noun, label):
    get, label_of = READ[noun]
    assert label_of(get(label)) == label


def _value(default, edges, texts):
    low, high = edges
    if isinstance(default, bool):
        return st.booleans()
    if isinstance(default, int):
        return st.integers(max(math.ceil(low), -(2**63)), min(math.floor(high), 2**63 - 1))
    if isinstance(default, float):
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    return st.sampled_from(texts)


#: texts of settings: any that the notation can write; and words, because in a sum of proxies "+" joins members
TEXTS = ("a", "a+b", "(a:b=c)", "f(x+y)", "a,b", "2*a", "")
WORDS = ("a", "leaky_relu", "per-sample", "a.b", "")


def _settings(known, ranges, texts=TEXTS):
    values = {key: _value(default, ranges.get(key, (-math.inf, math.inf)), texts) for key, default in known.items()}
    if "batch_norm" in values:
        values["batch_norm"] = st.sampled_from(BATCH_NORM)
    return st.fixed_dictionaries({}, optional=values).map(
        lambda chosen: tuple((key, written(value)) for key, value in chosen.items())
    )


@st.composite
def proxies(draw):
    info = zcbench.proxy_info(draw(st.sampled_from(zcbench.list_proxies())))
    common = {"repeats": (1, 10**6), "epochs": (0, 10**6), "steps": (0, 10**9)}
    return Term(
        info.name, None, draw(_settings({**info.parameters, **COMMON_SETTINGS}, {**info.ranges, **common}, WORDS))
    )


@st.composite
def predictors(draw):
    info = predictor_info(draw(st.sampled_from(zcbench.list_predictors())))
    return Term(info.name, None, draw(_settings(info.parameters, info.ranges)))


@st.composite
def ensembles(draw):
    members = draw(st.lists(proxies(), min_size=1, max_size=4, unique_by=str))
    weights = st.sampled_from([1.0, 2.0]) | st.floats(1e-300, 1e300)
    return Term(draw(st.sampled_from(list_ensembles())), Sum(tuple(Part(member, draw(weights)) for member in members)))


@st.composite
def encodings(draw):
    plain = [
        name
        for name in zcbench.list_encodings()
        if zcbench.encoding_info(name).kind == "vector" and not getattr(zcbench.encoding_info(name), "arguments", "")
    ]
    parts = [Part(Term(name)) for name in draw(st.lists(st.sampled_from(plain), min_size=1, max_size=3))]
    if members := draw(st.lists(proxies(), max_size=2, unique_by=lambda term: zcbench.get_proxy(str(term)).label)):
        inside = [Part(parse_term(zcbench.get_proxy(str(member)).label)) for member in members]
        parts.append(Part(Term("proxies", Sum(tuple(inside)))))
    return Sum(tuple(parts))


@st.composite
def batches(draw):
    info = zcbench.batch_info(draw(st.sampled_from(zcbench.list_batches())))
    number = draw(st.none() | st.integers(1, info.largest)) if info.resizable else None
    return Term(info.name if number is None else f"{info.name}@{number}")


TERMS = {
    "proxy": proxies(),
    "predictor": predictors(),
    "ensemble": ensembles(),
    "encoding": encodings(),
    "batch": batches(),
}


@pytest.mark.parametrize("noun", TERMS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_has_a_label_is_read_from_it(noun, data):
    get, label_of = READ[noun]
    text = str(data.draw(TERMS[noun]))
    label = label_of(get(text))
    assert label_of(get(label)) == label
    if noun in ("ensemble", "encoding", "batch"):  # nothing in them can be a default
        assert label == text


@pytest.mark.parametrize("noun", TERMS)
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_near_misses_are_refused_in_one_sentence(noun, data):
    get, label_of = READ[noun]
    text = str(data.draw(TERMS[noun]))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text)))
        character = data.draw(st.sampled_from(["", *":=+*(),@/ 0az-.\n[]?"]))
        text = text[:place] + character + text[place + data.draw(st.integers(0, 2)) :]
    try:
        label = label_of(get(text))
    except (InvalidInputError, UnknownNameError) as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert label_of(get(label)) == label


# -- one name is no list of letters ------------------------------------------------------------


def test_one_text_is_one_name_wherever_a_list_is_wanted(tmp_path):
    import numpy as np
    import torch

    model, x = torch.nn.Linear(3, 2), torch.randn(4, 3)
    assert list(zcbench.score(model, x, None, "params")) == ["params"]
    assert [info.label for info in zcbench.proxies.resolve("params", "convolutional")] == ["params"]
    assert zcbench.predictors.resolve_predictors("gp:seed=3") == ["gp:seed=3"]
    with registry_as_it_was():
        zcbench.register_proxy("t-a", domains="convolutional", invariances="data", signals="gradients")(lambda p: 0.0)
        info = zcbench.proxy_info("t-a")
        assert (info.domains, info.invariances, info.signals) == (("convolutional",), ("data",), ("gradients",))
        zcbench.register_ensemble("t-a", members="naswot")(lambda scores, weights: scores[0])
        assert zcbench.ensemble_info("t-a").members == ("naswot",)
    assert zcbench.encodings.ProxyEncoding("params").members == ("params",)
    assert zcbench.spaces.FactorySpace("f.py:build", len, domains="recurrent").domains == ("recurrent",)
    table = tmp_path / "mine.csv"
    table.write_text("arch,acc,loss\n" + "".join(f"n{i},{i / 10},{1 / (i + 1)}\n" for i in range(9)))
    own = zcbench.own_benchmark(table, "loss", lower="loss")
    assert not own.target().higher_is_better
    assert zcbench.encodings.ColumnEncoding.of(own, "acc").names == ("acc",)
    assert np.isfinite(zcbench.runs.correlate_columns(own, "acc", lower="acc").entries[0].tau.value)


def test_files_of_an_import_may_be_one_path(tmp_path):
    from zcbench.errors import DataMissingError

    with pytest.raises(DataMissingError, match=r"missing\.pth does not exist"):
        zcbench.import_benchmark("nasbench201", str(tmp_path / "missing.pth"))
    from zcbench.datasets._download import Remote

    assert Remote("a", "https://x.org/a").urls == ("https://x.org/a",)


def test_nothing_warns_when_everything_is_looked_up():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in KINDS:
            kind.names()


def test_an_old_name_is_said_once():
    lines = "from zcbench import load_batch\n"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True)
    assert done.stderr.count("load_batch is called get_batch now") == 1
