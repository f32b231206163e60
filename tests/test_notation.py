"""Names with settings, sums and brackets: what is written is read back, and what is wrong is said with its place."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zcbench._notation import Part, Sum, Term, join_list, parse_sum, parse_term, split_list, unwrapped
from zcbench.errors import InvalidInputError

# -- what is read ------------------------------------------------------------------------------


def test_a_name_alone():
    assert parse_term("naswot") == parse_term("  naswot ") == parse_term("(naswot)") == Term("naswot")
    assert parse_term("ntk_*").name == "ntk_*"
    assert parse_term("cifar100@224").name == "cifar100@224"


def test_settings_are_sorted_and_keep_their_values():
    term = parse_term("gp:seed=3:encoding=onehot+stats")
    assert term == Term("gp", None, (("encoding", "onehot+stats"), ("seed", "3")))
    assert str(term) == "gp:encoding=onehot+stats:seed=3"
    assert parse_term("p:mode=a=b,c:text=").settings == (("mode", "a=b,c"), ("text", ""))


def test_brackets_of_a_value_belong_to_it():
    term = parse_term("mean:members=(gp:seed=1+gcn:loss=hinge):seed=2")
    assert dict(term.settings) == {"members": "(gp:seed=1+gcn:loss=hinge)", "seed": "2"}
    assert parse_sum(unwrapped("(gp:seed=1+gcn:loss=hinge)")).labels == ("gp:seed=1", "gcn:loss=hinge")


def test_sums_and_weights():
    found = parse_sum("vote( naswot + 2.0 * synflow:repeats=3 )")
    assert str(found) == "vote(naswot+2*synflow:repeats=3)"
    inside = found.parts[0].term.inside
    assert inside.labels == ("naswot", "synflow:repeats=3")
    assert inside.weights == (1.0, 2.0)
    assert str(parse_sum("1e-5*a+0.1*b+1e+0*c".replace("e+", "e"))) == "1e-05*a+0.1*b+c"
    assert str(parse_sum("onehot+curve(valid_nll/3)+proxies(params+ntk_*)")) == (
        "onehot+curve(valid_nll/3)+proxies(params+ntk_*)"
    )


def test_a_pattern_that_begins_with_a_number_is_no_weight():
    assert parse_term("2*x").name == "2*x"
    assert parse_sum("2*").labels == ("2*",)
    assert parse_sum("2*x") == Sum((Part(Term("x"), 2.0),))
    assert parse_sum(str(Sum((Part(Term("2*x")),)))).labels == ("2*x",)


def test_a_value_that_holds_a_plus_stands_in_brackets_in_a_sum():
    assert parse_sum("gp:encoding=a+b").labels == ("gp:encoding=a", "b")
    both = parse_sum("(gp:encoding=a+b)+2*(gcn:x=1)")
    assert both.labels == ("gp:encoding=a+b", "gcn:x=1")
    assert str(both) == "(gp:encoding=a+b)+2*gcn:x=1"


def test_lists():
    assert split_list("a, b\tc*\n d(e, f) , g + h,,") == ["a", "b", "c*", "d(e, f)", "g + h"]
    assert split_list(" , ") == []
    assert join_list("naswot") == "naswot"
    assert join_list(["a", "b:c=d,e", "x(a, b)"]) == "a,(b:c=d,e),x(a, b)"
    assert [str(parse_term(item)) for item in split_list("a,(b:c=d,e)")] == ["a", "b:c=d,e"]


def test_unwrapped():
    assert unwrapped(" (a+b) ") == "a+b"
    assert unwrapped("(a)+(b)") == "(a)+(b)"
    assert unwrapped("a") == "a"


def test_what_takes_no_settings_says_so():
    assert parse_term("digits").bare("a batch") == "digits"
    with pytest.raises(InvalidInputError, match=r"'digits:size=3': a batch takes no settings, write digits\."):
        parse_term("digits:size=3").bare("a batch")
    with pytest.raises(InvalidInputError, match=r"'digits\(a\)': a batch takes no brackets, write digits\."):
        parse_term("digits(a)").bare("a batch")
    with pytest.raises(InvalidInputError, match=r"'a\+2\*b': a kernel takes no weights, write b\."):
        parse_sum("a+2*b").unweighted("a kernel")


# -- what is wrong -----------------------------------------------------------------------------

WRONG_TERMS = {
    "": "'', at its end: a name is missing.",
    "a,b": "'a,b', at character 2: ',' is not allowed here, where one name is expected.",
    "a+b": "'a+b', at character 2: '+' is not allowed here, where one name is expected.",
    "a=b": "'a=b', at character 2: write settings as a:setting=value.",
    "a:": "'a:', at its end: write settings as a:setting=value.",
    "a:b": "'a:b', at character 3: write settings as a:setting=value.",
    "a:=3": "'a:=3', at character 3: write settings as a:setting=value.",
    "a: b=1": "'a: b=1', at character 3: write settings as a:setting=value.",
    "a:b= 1": "'a:b= 1', at character 5: there are blanks around the value.",
    "a:b=1:b=2": "'a:b=1:b=2', at its end: b is set twice.",
    ":b=1": "':b=1', at character 1: a name is missing before ':'.",
    "a(b": "'a(b', at character 2: brackets do not match, this one is not closed.",
    "a)": "'a)', at character 2: brackets do not match, this one was not opened.",
    "a()": "'a()', at character 3: a name is missing before ')'.",
    "a (b)": "'a (b)', at character 3: there is a blank before the bracket.",
    "a(b)c": "'a(b)c', at character 5: only settings can follow the brackets.",
    "a(b,c)": "'a(b,c)', at character 4: ',' is not allowed here, the brackets contain names joined by '+'.",
    "a\nb": r"'a\nb', at character 2: '\n' is not allowed in a name.",
    "a:b=\ud800": r"'a:b=\ud800', at character 5: '\ud800' is not allowed in a name.",
    5: "a name must be text, not 5.",
    None: "a name must be text, not None.",
    ("a",): "a name must be text, not ('a',).",
}


@pytest.mark.parametrize("text", WRONG_TERMS)
def test_a_wrong_term_is_refused_in_one_sentence_with_its_place(text):
    with pytest.raises(InvalidInputError) as caught:
        parse_term(text)
    assert str(caught.value) == WRONG_TERMS[text]


@pytest.mark.parametrize("text", ["+", "a+", "+a", "a++b", "2*(a+b)", "a(b)c+d", "a(b+)", "(a)b", "a,b"])
def test_a_wrong_sum_is_refused(text):
    with pytest.raises(InvalidInputError, match=r"at character|at its end"):
        parse_sum(text)


@pytest.mark.parametrize("weight", ["0", "-1", "1.2.3", ".", "1e999", "0.0"])
def test_weights_are_positive_numbers(weight):
    with pytest.raises(InvalidInputError, match="at character 3: weights must be positive numbers"):
        parse_sum(f"a+{weight}*b")


def test_brackets_in_brackets_end_before_python_s_stack():
    assert str(parse_term("a(" * 20 + "b" + ")" * 20)) == "a(" * 20 + "b" + ")" * 20
    for text in ("a(" * 21 + "b" + ")" * 21, "(" * 100_000 + "a" + ")" * 100_000):
        with pytest.raises(InvalidInputError, match="more than 20 brackets are nested"):
            parse_term(text)


@pytest.mark.parametrize("name", ["", " a", "a+b", "a:b", "a(b", "a,b", "a=b"])
def test_a_term_that_cannot_be_read_back_cannot_be_made(name):
    with pytest.raises(InvalidInputError):
        Term(name)
    with pytest.raises(InvalidInputError):
        Term("a", None, ((name, "1"),))
    with pytest.raises(InvalidInputError):
        Term("a", None, (("b", "1:2"),))


# -- round trips -------------------------------------------------------------------------------

NAMES = st.text(string.ascii_lowercase + string.digits + "._-@/*äß", min_size=1, max_size=6)
BRACKETLESS = st.text("ab1.e+-=,*/ ", max_size=5).map(str.strip)
VALUES = BRACKETLESS | st.builds("{}({}){}".format, BRACKETLESS, st.text("a:+,= b", max_size=4), BRACKETLESS)
SETTINGS = st.dictionaries(st.text(string.ascii_lowercase + "_", min_size=1, max_size=4), VALUES, max_size=3)
TERMS = st.recursive(
    st.builds(lambda name, chosen: Term(name, None, tuple(chosen.items())), NAMES, SETTINGS),
    lambda terms: st.builds(
        lambda name, parts, chosen: Term(name, Sum(tuple(parts)), tuple(chosen.items())),
        NAMES,
        st.lists(st.builds(Part, terms, st.floats(1e-300, 1e300) | st.just(1.0)), min_size=1, max_size=3),
        SETTINGS,
    ),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None)
@given(TERMS)
def test_terms_are_read_back(term):
    assert parse_term(str(term)) == term
    assert str(parse_term(str(term))) == str(term)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.builds(Part, TERMS, st.sampled_from([1.0, 2.0, 0.1, 1e-5, 1e22, 1 / 3])), min_size=1, max_size=3))
def test_sums_are_read_back(parts):
    whole = Sum(tuple(parts))
    assert parse_sum(str(whole)) == whole
    assert [parse_term(label) for label in whole.labels] == [part.term for part in parts]


@settings(max_examples=40, deadline=None)
@given(st.lists(TERMS, max_size=4))
def test_lists_are_read_back(terms):
    assert [parse_term(item) for item in split_list(join_list(map(str, terms)))] == terms


@settings(max_examples=300, deadline=None)
@given(st.text("ab1*:=+,(). e-@\n", max_size=16) | st.text(max_size=8))
def test_any_text_is_read_or_refused_in_one_sentence(text):
    for read in (parse_term, parse_sum):
        try:
            found = read(text)
        except InvalidInputError as error:
            assert len(str(error).splitlines()) == 1
        else:
            assert read(str(found)) == found
    try:
        items = split_list(text)
    except InvalidInputError:
        return
    assert all(items)
