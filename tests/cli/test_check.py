"""zcbench check: files and names, one line each, and a status."""

import json
from pathlib import Path

from toys import registry_as_it_was


def test_on_the_command_line(tmp_path, capsys):
    from zcbench.cli import main

    path = Path(tmp_path, "mine.py")
    path.write_text(
        "import zcbench\n@zcbench.register_proxy('t-mine', cost='static', reference='mine')\ndef mine(probe):\n"
        "    '''One.'''\n    return 1.0\n@zcbench.register_proxy('t-bad')\ndef bad(probe):\n    return 1 / 0\n"
    )
    with registry_as_it_was():
        assert main(["check", str(path)]) == 1
        out = capsys.readouterr().out
        assert "t-mine: ok: " in out
        assert "t-bad: FAILED: " in out
        assert out.endswith("1 of 2 ok; not: t-bad\n")
        assert main(["check", "t-mine", "--json"]) == 0
        (report,) = json.loads(capsys.readouterr().out)
        assert (report["name"], report["ok"]) == ("t-mine", True)
        assert {c["status"] for c in report["checks"]} == {"passed", "skipped"}
        assert main(["check", str(path)]) == 2
        assert (
            "registers no proxy, predictor, searcher, curve predictor or signal that was not there before"
            in capsys.readouterr().err
        )
        assert main(["check", "t-mime"]) == 2
        assert "did you mean 't-mine'" in capsys.readouterr().err


SEARCHER = """
import zcbench
from zcbench.search import Proposal


@zcbench.register_searcher("t-first", reference="mine")
class First(zcbench.Searcher):
    'The first architectures that there are.'

    def ask(self, count):
        return [Proposal(one) for one in self.problem.domain.everything()[:count]]

    def tell(self, answers):
        pass

    def state(self):
        return {}

    def restore(self, state):
        pass
"""


def test_a_searcher_of_a_file(tmp_path, capsys):
    from zcbench.cli import main

    path = Path(tmp_path, "my_searcher.py")
    path.write_text(SEARCHER)
    with registry_as_it_was():
        assert main(["check", str(path), "--json"]) == 1
        (mine,) = json.loads(capsys.readouterr().out)
    assert (mine["name"], mine["ok"]) == ("t-first", False)
    (begins,) = [check for check in mine["checks"] if check["check"] == "starts"]
    assert begins["status"] == "failed"
    assert "it ended after 1 of 40 steps: 2,000 proposals in a row" in begins["detail"]


def test_a_name_of_several_kinds_is_checked_as_each_of_them():
    from zcbench.cli.check import _named

    assert _named("rando[m]") == [["random"], [], ["random"], [], []]
    assert _named("lcsvr") == [[], ["lcsvr"], [], ["lcsvr"], []]


CURVES = """
import numpy as np
import zcbench
from zcbench.curves import Normals


@zcbench.register_curve_predictor("t-half", reference="mine")
class Half(zcbench.CurvePredictor):
    'Always one half.'

    def predict(self, contexts, asked):
        return Normals.single(np.full(asked.shape, 0.5), np.array(0.3))
"""


def test_a_curve_predictor_of_a_file(tmp_path, capsys):
    from zcbench.cli import main

    path = Path(tmp_path, "my_curve_predictor.py")
    path.write_text(CURVES)
    with registry_as_it_was():
        assert main(["check", str(path), "--json"]) == 1
        (mine,) = json.loads(capsys.readouterr().out)
    assert (mine["name"], mine["ok"]) == ("t-half", False)
    assert [check["check"] for check in mine["checks"] if check["status"] == "failed"] == ["better than the mean"]


SUPERNET = """
import torch
import zcbench
from zcbench.supernets import WeightSharing

space = zcbench.get_space("elastic-transformer")
torch.manual_seed(0)
supernet = WeightSharing(space, largest=space.largest, smallest=space.smallest)
inputs = torch.randn(4, 1, 8, 8)
"""


def test_a_supernet_of_a_file(tmp_path, capsys):
    from zcbench.cli import main

    path = tmp_path / "supernet.py"
    path.write_text(SUPERNET)
    assert main(["check", str(path)]) == 0
    assert "WeightSharing of elastic-transformer: ok: " in capsys.readouterr().out
    path = tmp_path / "broken.py"
    path.write_text(SUPERNET + "make = supernet.subnet\nsupernet.subnet = lambda one: make(one).train()\n")
    assert main(["check", str(path), "--json"]) == 1
    (report,) = json.loads(capsys.readouterr().out)
    assert next(c["check"] for c in report["checks"] if c["status"] == "failed") == "subnets"
    for text, said in (
        ("supernet = 3\ninputs = 3", "a int is not a supernet"),
        (SUPERNET.replace("inputs =", "batch ="), "add  inputs = torch.randn(8"),
    ):
        path = tmp_path / f"wrong{len(text)}.py"
        path.write_text(text)
        assert main(["check", str(path)]) == 2
        assert said in capsys.readouterr().err.replace("\n", " ")
