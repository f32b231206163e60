"""Blocks of pages: what is found, what is run, and which outputs count as equal."""

import pytest
from run_pages import blocks_of, commands_of, in_folder, rewritten, run_page, same_output, wrong_use

FENCE = "`" * 3


def page_of(tmp_path, *parts):
    """Write a page; a part is a comment, or the info and the text of a block."""
    lines = [part if isinstance(part, str) else f"{FENCE}{part[0]}\n{part[1]}\n{FENCE}" for part in parts]
    path = tmp_path / "page.md"
    path.write_text("# A page\n\n" + "\n\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("tau 0.57 [0.55, 0.60]", "tau  0.58 [0.55, 0.59]", True),
        ("tau 0.57", "tau 0.67", False),
        ("100/100  28 ms", "100/100  1.2 s", True),
        ("100/100  28 ms", "99/100  28 ms", False),
        ("a\n  b", "a b", True),
        ("a b", "a c", False),
        ("seed 0/1-…> and", "seed 0/1-3ee0> and", True),
        ("first … last", "first 1 2 3 last", True),
        ("-0.10", "0.10", False),
        ("1,234 networks", "1,235 networks", True),
        ("12 networks", "13 networks", False),
        ("5 ± 557", "5 ± 561", True),
        ("-----", "--------", True),
        ("", "something", False),
    ],
)
def test_outputs_are_equal_but_for_rounding_and_times(shown, printed, same):
    assert same_output(shown, printed) is same


def test_a_page_is_one_session(tmp_path):
    page = page_of(
        tmp_path,
        ('python title="mine.py"', "VALUE = 3"),
        ("python", "from mine import VALUE\nprint(VALUE)"),
        ('text title="Output"', "4"),
        ("sh", "head -1 mine.py  # a comment\nzcbench list ensembles vote \\\n  --json"),
        ('text title="Output"', "VALUE = 3 [ … ]"),
    )
    with in_folder(tmp_path):
        outputs = run_page(page)
    assert [same_output(block.text, printed) for block, printed in outputs] == [False, True]
    text = rewritten(page, outputs)
    assert f'{FENCE}text title="Output"\n3\n{FENCE}' in text and "VALUE = 3 [ … ]" in text


def test_comments_change_what_runs(tmp_path):
    page = page_of(
        tmp_path,
        "<!-- before: ready = 1 -->\n<!-- shorter: 10 => ready -->",
        ("python", "done = [10]"),
        ('text title="Output"', "never compared"),
        "<!-- slow: it would fail -->",
        ("python", "raise ValueError"),
        "<!-- not run: it would fail -->",
        ("sh", "zcbench run nowhere"),
        ("python", "print(done)"),
        ('text title="Output"', "[1]"),
    )
    with in_folder(tmp_path):
        ((block, printed),) = run_page(page)
        assert same_output(block.text, printed)
        with pytest.raises(AssertionError, match=r"page.md:\d+: ValueError"):
            run_page(page, all_of_it=True)


def test_a_comment_for_all_commands_spares_python(tmp_path):
    page = page_of(tmp_path, "<!-- commands not run: hours -->", ("", "zcbench run everywhere"), ("python", "x = 1"))
    assert [block.comments for block in blocks_of(page)] == [{"not run": "hours"}, {}]


def test_a_command_that_fails_names_the_page_and_what_was_said(tmp_path):
    page = page_of(tmp_path, ("sh", "zcbench show no-such-proxy"))
    with in_folder(tmp_path), pytest.raises(AssertionError, match=r"page.md:3: .*no-such-proxy"):
        run_page(page)
    page = page_of(tmp_path, ("sh", "rm -r things"))
    with in_folder(tmp_path), pytest.raises(AssertionError, match="rm is not run by this tool"):
        run_page(page)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("zcbench run digits-201 --limit 3 > out.txt", ""),
        ("ZCBENCH_RUNS=x zcbench run digits-201 | head", ""),
        ("zcbench run digits-201 --limits 3", "unrecognized arguments: --limits"),
        ("zcbench run digits-201 --limit many", "invalid int value"),
        ("zcbench rum digits-201", "no command rum"),
        ("python benchmarks/metrics.py", ""),
        ("python benchmarks/no_such.py", "there is no"),
        ("python benchmarks/supernet_rules.py --seedlings 3", "no option --seedlings"),
        ("sbatch job.sh", ""),
    ],
)
def test_commands_that_are_not_run_are_parsed(tmp_path, line, said):
    (block,) = blocks_of(page_of(tmp_path, ("sh", line)))
    (words,) = commands_of(block)
    assert said in wrong_use(words) and bool(said) == bool(wrong_use(words))
