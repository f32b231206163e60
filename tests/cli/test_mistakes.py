"""Typical mistakes: each ends in a sentence that helps, and nothing is computed.

A row is a command, its exit status and a part of its answer. The answers are what a new user reads: keep them so.
"""

import re
import shlex

import pytest

FILES = {
    "my.csv": "model,acc,params,latency\na,.9,10,3\nb,.8,20,2\nc,.7,30,5\nd,.6,40,1\ne,.95,15,4\n",
    "empty.csv": "",
    "header.csv": "model,acc\n",
    "one.csv": "model,acc\na,.5\n",
    "text.csv": "model,acc\na,good\nb,bad\n",
    "strings.csv": "arch,acc\n|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|,.9\nresnet18,.8\nxx,.7\n",
    "curves.csv": "run,acc_1,acc_2,acc_3\na,.1,.2,.3\nb,.2,.3,.4\n",
    "nets.py": (
        "import torch\ndef net():\n    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 10))\n"
        "def number():\n    return 3\n\n\ndef needs(width):\n    return net()\n"
    ),
    "broken.py": "import torch\ndef net(:\n",
    "notes.txt": "hello\n",
    "train.py": "def train(architecture):\n    return 'good'\n",
}

MISTAKES = [
    # -- the command
    ("runn digits-201", 2, "unknown command 'runn': did you mean 'run'?"),
    ("leaderbord", 2, "unknown command 'leaderbord': did you mean 'leaderboard'?"),
    ("digits-201 run", 2, "the command comes first: write  zcbench run digits-201"),
    ("--json list spaces", 2, "options follow the command: write  zcbench list spaces --json"),
    ("curves predct curves.csv", 2, "unknown action 'predct': did you mean 'predict'?"),
    ("supernet", 2, "missing: ACTION; see  zcbench supernet --help"),
    # -- options
    ("run digits-201 --proxys naswot", 2, "unknown option --proxys: did you mean --proxies?"),
    ("list --store x", 2, "unknown option --store"),
    ("run digits-201 --limit", 2, "--limit needs a value"),
    ("run digits-201 --limit 1e3", 2, "--limit: '1e3' is not a whole number"),
    ("run digits-201 --limit -5", 2, "limit -5: choose at least 1."),
    ("run digits-201 --timeout 1m", 2, "--timeout: '1m' is not a number"),
    ("run digits-201 --workers 100000", 2, "choose 0 (this process) or more, at most 10000"),
    ("run digits-201 --batch-size 0", 2, "batch_size 0: choose at least 1."),
    ("run digits-201 --proxies naswot synflow", 2, "separate names by commas: --proxies naswot,synflow"),
    ("run digits-201 my.csv", 2, "one argument too many: 'my.csv'"),
    ("run digits-201 --device gpu", 2, "choose cpu, cuda, one of several such as cuda:1, or mps"),
    ("run digits-201 --shard 5/3", 2, "shards are numbered from 1/3 to 3/3"),
    ("run digits-201 --retry broken", 2, "unknown status to retry 'broken': known: disagreeing, failed"),
    ("run digits-201 --executor slurm", 2, "unknown executor 'slurm': known: dask://HOST:PORT, local, submitit"),
    ("run digits-201 --predictors gp --train-sizes ten", 2, "write whole numbers separated by commas, 10,50,200"),
    ("run digits-201 --predictors gp --train-sizes 100000", 2, "digits-201 has only 4928 to spare"),
    ("run digits-201 --predictors gp --searchers random", 2, "two kinds of work: choose one"),
    ("run digits-201 --limit 10 --sample-manifest notes.txt", 2, "a limit both select what is scored: choose one"),
    # -- names
    ("run digits201", 2, "did you mean 'digits-201'"),
    ("run cifar10", 2, "it is a batch: zcbench run TABLE.csv"),
    ("run naswot", 2, "it is a proxy: zcbench run digits-201 --proxies naswot"),
    ("run digits-201 --proxies naswt", 2, "unknown proxy 'naswt': did you mean 'naswot'"),
    ("run digits-201 --proxies naswot:foo=1", 2, "unknown setting of naswot 'foo': known: activation"),
    ("run digits-201 --proxies zen:repeats=x", 2, "'x' is not a whole number: write it like 1."),
    ("run digits-201 --predictors xgbost", 2, "unknown predictor 'xgbost': did you mean 'xgboost'"),
    ("run digits-201 --searchers evolutoin", 2, "unknown searcher 'evolutoin': did you mean 'evolution'?"),
    ("run digits-201 --track quik", 2, "unknown track 'quik': did you mean 'quick'?"),
    ("run digits-201 --target acc", 2, "unknown target 'acc': known: test_accuracy, test_nll"),
    ("run digits-201 --ensembles vot", 2, "unknown ensemble 'vot': did you mean 'vote'?"),
    ("run digits-201 --ensembles 'vote('", 2, "brackets do not match"),
    ("show naswt", 2, "unknown name 'naswt': did you mean 'naswot'"),
    ("show naswot:repeats=3", 2, "give the name alone,  zcbench show naswot"),
    ("list proxy", 2, "'proxy' is not a choice: did you mean 'proxies'?"),
    ("list proxies nasw", 2, "unknown proxy 'nasw': did you mean 'naswot'"),
    # -- tables that are not here
    ("run nasbench201 --limit 3", 2, "run  zcbench data import nasbench201"),
    ("run nasbenchmacro --limit 3", 2, "run  zcbench data get nasbenchmacro"),
    ("data get", 2, "say what to get: zcbench data get"),
    ("data gt nasbench201", 2, "'gt' is not a choice: did you mean 'get'?"),
    ("data get digits-201", 2, "there is nothing to get."),
    ("data import nasbench201", 2, "say what to import: zcbench data import"),
    ("data import nets.py nasbench201", 2, "it is a file, and this argument must be a name"),
    # -- your own table
    ("run my.csv", 2, "say which column of my.csv to rank against: --target COLUMN"),
    ("run my.cvs --target acc", 2, "there is no such file, did you mean my.csv?"),
    ("run my.csv --target accuracy", 2, "unknown column 'accuracy': did you mean 'acc'?"),
    ("run my.csv --target model", 2, "the column 'model' is text: choose a column of numbers with --target"),
    ("run my.csv --target acc --lower latensy", 2, "unknown column 'latensy': did you mean 'latency'?"),
    ("run my.csv --target acc --proxies naswot", 2, "unknown column 'naswot': known: latency, params."),
    ("run my.csv --target acc --space nasbench2001", 2, "did you mean 'nasbench201'"),
    ("run my.csv --target acc --space nasbench201", 2, "my.csv, line 2: 'a' is not a NAS-Bench-201 cell"),
    (
        "run strings.csv --target acc --space nasbench201",
        2,
        "strings.csv, line 3: 'resnet18' is not a NAS-Bench-201 cell",
    ),
    ("run my.csv --target acc --factory nets.py", 2, "--factory takes FILE.py:FUNCTION, not 'nets.py'."),
    ("run my.csv --target acc --factory nets.py:nett", 2, "nets.py has no function 'nett'"),
    ("run empty.csv --target acc", 2, "empty.csv is empty: its first line must name the columns."),
    ("run header.csv --target acc", 2, "header.csv has no rows below its header."),
    ("run one.csv --target acc", 2, "there is nothing to rank"),
    ("run text.csv --target acc", 2, "the column 'acc' is text"),
    ("run folder --target acc", 2, "folder is a folder, not a file"),
    ("predict my.csv", 2, "missing: --target"),
    ("predict my.csv --target acc", 2, "give candidates with --candidates FILE"),
    ("predict my.csv --candidates absent.csv --target acc", 2, "absent.csv is not a file"),
    ("predict my.csv --candidates my.csv --target accuracy", 2, "unknown column 'accuracy': did you mean 'acc'?"),
    # -- your own code
    ("score nets.py", 2, "'nets.py' names no object: write file.py:function"),
    ("score nts.py:net --input 3x8x8", 2, "nts.py is not a file"),
    ("score nets.py:nt --input 3x8x8", 2, "nets.py has no 'nt'"),
    ("score nets.py:net", 2, "give --input, e.g. --input 3x32x32"),
    ("score nets.py:net --input 3,a,3", 2, "give positive sizes such as 3x32x32"),
    ("score nets.py:net --input 3x9x9", 2, "nets.py:net cannot take an input of shape (1, 3, 9, 9)"),
    ("score nets.py:number --input 3x8x8", 2, "it must return a torch.nn.Module."),
    ("score nets.py:needs --input 3x8x8", 2, "missing 1 required positional argument: 'width'"),
    ("score broken.py:net --input 3x8x8", 2, "broken.py could not be imported: SyntaxError"),
    ("score resnet50 --input 3x32x32", 2, "timm:NAME"),
    ("score nasbench201:xx", 2, "'xx' is not a NAS-Bench-201 cell"),
    ("check nets.py", 2, "nets.py registers no new proxy"),
    ("check notes.txt", 2, "notes.txt is not a Python file"),
    ("check naswt", 2, "did you mean 'naswot'"),
    ("run digits-201 --import broken.py", 2, "broken.py could not be imported: SyntaxError"),
    ("run digits-201 --import absent.py", 2, "absent.py is not a file: give a Python file."),
    # -- results
    ("leaderboard", 2, "start with  zcbench run digits-201"),
    ("leaderboard digits-201", 2, "run  zcbench run digits-201"),
    ("leaderboard naswot", 2, "it is a proxy"),
    ("efficiency", 2, "start with  zcbench run digits-201 --track quick"),
    ("store merge", 2, "say which store to copy:  zcbench store merge --from DIR"),
    ("store chek", 2, "did you mean 'check'?"),
    ("store check", 2, "runs has no records: give the folder of a store with --store."),
    # -- searches, curves, supernets
    ("search", 2, "zcbench search BENCHMARK  or  zcbench search --show LEDGER"),
    ("search digits-201 --searcher evolutin", 2, "unknown searcher 'evolutin': did you mean 'evolution'"),
    ("search digits-201 --budget ten", 2, "write 100 or 12000s"),
    ("search digits-201 --scorer naswot --role filtr", 2, "unknown role 'filtr': did you mean 'filter'"),
    ("search digits-201 --objective acc", 2, "unknown column 'acc': known: test_accuracy"),
    ("search digits-201 --constraint params", 2, "write bounds like  params<=1e6"),
    ("search digits-201 --evaluate train.py", 2, "names no function: write file.py:function"),
    ("search digits-201 --evaluate train.py:trian", 2, "train.py has no function 'trian'"),
    ("search digits-201 --evaluate train.py:train --budget 3", 1, "no evaluation gave a value: "),
    ("search --show nets.py", 2, "nets.py is not the ledger of a search."),
    ("search --show absent.jsonl", 2, "absent.jsonl is"),
    ("search digits-201 --ledger folder", 2, "folder is a folder: give a file for the ledger."),
    ("curves predict curves.csv", 2, "missing: --horizon"),
    ("curves predict curves.csv --horizon 2", 1, "give a later horizon"),
    ("curves predict curves.csv --horizon 9 --bounds 0", 2, "--bounds '0': write two numbers, 0,100."),
    ("curves predict curves.csv --horizon 9 --curve loss", 2, "write one * for the number of the epoch"),
    ("curves predict curves.csv --horizon 9 --figure f.xyz", 2, ".png, .svg, .pdf"),
    ("curves predict my.csv --horizon 9", 2, "with --curve or --epoch"),
    ("curves train --to folder", 2, "a name that ends in .safetensors"),
    ("supernet digits", 2, "missing: --to"),
    ("supernet digits --to x --rule sandwhich", 2, "unknown training rule 'sandwhich': did you mean 'sandwich'?"),
    ("supernet digits --to x --steps 0", 2, "steps 0: choose at least 1."),
    ("supernet digits --to nets.py --quick", 1, "nets.py is not a folder"),
    ("supernet rank --to x --predictors gpp", 2, "unknown predictor 'gpp': did you mean 'gp'?"),
]


@pytest.fixture
def files(place):
    (place / "folder").mkdir()
    for name, text in FILES.items():
        (place / name).write_text(text, encoding="utf8")


@pytest.mark.parametrize(("command", "status", "answer"), MISTAKES, ids=[command for command, *_ in MISTAKES])
def test_a_mistake_is_answered(cli, files, command, status, answer):
    result = cli(*shlex.split(command))
    assert result.status == status
    assert "Traceback" not in result.err
    last = result.err.splitlines()[-1]
    assert last.startswith("zcbench")
    assert answer in last
    assert len(last) < 600
    if status == 2:
        assert result.out == ""


def test_every_command_has_mistakes():
    from zcbench.cli import _COMMANDS

    tried = {word for command, *_ in MISTAKES for word in command.split() if word in _COMMANDS}
    assert tried == {*_COMMANDS} - {"env"}
    assert len({command for command, *_ in MISTAKES}) == len(MISTAKES) > 100


def test_a_folder_that_cannot_be_written(cli, files):
    command = "run digits-201 --limit 1 --proxies params --workers 0 --store nets.py"
    result = cli(*command.split())
    assert result.status == 1
    assert re.search("nets.py is not a folder. Choose another folder with --store.$", result.err.strip())
