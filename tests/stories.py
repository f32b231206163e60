"""A story of a supernet whose numbers are made up, for what shows it."""

from zcbench.supernets import DigitsStory

#: a name that would be markup
NAME = "d1w4k3e1|d2w8k3e1"


def story(*, compared=True, quick=False, **changed):
    """Four subnets of four, so that the true front is known."""
    values = {"valid_accuracy": 0.9, "valid_nll": 0.4, "test_accuracy": 0.88, "test_nll": 0.5}
    names = [NAME, "d1w8k3e1|d2w8k3e1", "d1w8k3e1|d2w16k3e1", "d3w8k3e1|d2w16k3e1"]
    scorer = {"values": [-4.0, -3.0, -2.0, -1.0], "each": 0.01, "tau": [0.7, 0.5, 0.85], "without": 0}
    alone = {"found": 0.91, "best": 0.93, "trainings": 3, "seconds": 30.0, "one": 10.0, "cheaper": 42.0}
    latency = {"median": 0.512, "low": 0.5, "high": 0.53}
    results = {
        "train": {
            "seconds": 80.0, "learned": 4800, "skipped": 0, "parameters": 100, "largest": values, "smallest": values,
        },
        "evaluate": {
            "seconds": 2.0, "space": 4, "subnets": names, "flops": [10.0, 20.0, 30.0, 40.0], "params": [1.0] * 4,
            "valid_accuracy": [0.5, 0.7, 0.6, 0.9], "valid_nll": [4.0, 3.0, 2.0, 1.0],
            "test_accuracy": [0.5, 0.7, 0.6, 0.9], "test_nll": [4.0, 3.0, 2.0, 1.0], "front": [names[0], *names[1::2]],
        },
        "rank": {
            "seconds": 1.0, "trouble": "", "n": 4, "subnets": names, "truth": [3.0, 4.0, 2.0, 1.0],
            "ceiling": [0.8, 0.7, 0.9], "scorers": {"params": {**scorer, "without": 1}, "inherited loss": scorer},
        }
        if compared
        else {"seconds": 0.0, "trouble": "no table", "n": 0, "scorers": {}},
        "search": {
            "seconds": 3.0, "limit": 30.0, "evaluations": 2, "searcher": "evolution@1", "found": names[1], **values,
            "flops": 20.0, "params": 1.0, "allowed": 3, "better": 1, "best": values,
            "alone": alone if compared else None,
        },
        "front": {
            "seconds": 4.0, "evaluations": 2, "searcher": "nsga2@1", "subnets": names[1:3], "accuracy": [0.7, 0.6],
            "flops": [20.0, 30.0], "front": names[1:2], "reference": [0.5, 40.0], "share": 0.5, "shares": [0.5, 0.5],
        },
        "extract": {"seconds": 0.1, "before": values, "after": values, "difference": 1e-7},
        "tune": {"seconds": 5.0, "steps": 200, "best": 120, "after": {**values, "test_accuracy": 0.954}},
        "export": {
            "seconds": 6.0, "written": 5.0, "failed": {"onnx": "onnx is not installed."}, "card": "subnet.md",
            "files": {"weights": {"file": "subnet.safetensors", "bytes": 26_000, "difference": 0.0}},
            "latency": {"subnet": latency, "subnet, ONNX": "no"},
        },
    }  # fmt: skip
    for step, values in changed.items():
        results[step] = {**results[step], **values}
    return DigitsStory("here", {"rule": "sandwich", "steps": 1200, "seed": 0, "quick": quick}, results)
