"""A supernet on the handwritten digits, step by step: ``zcbench supernet digits`` with the public API.

    python examples/supernet_digits.py --to story            # a few minutes on two cores
    python examples/supernet_digits.py --to quick --quick    # much less of everything, to see that it works

A supernet is one set of weights for many networks, its subnets. It is trained once, and then each of the 1,296 subnets
can be evaluated in milliseconds, without a separate training. Here, all decisions use validation images. Test images
are only reported.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

import zcbench
from zcbench import supernets
from zcbench.metrics import hypervolume_ratio, kendall_tau, pareto_front

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="folder for all results")
parser.add_argument("--rule", default="sandwich", help="training rule (default: sandwich)")
parser.add_argument("--quick", action="store_true", help="much less of everything")


def main() -> None:
    """Run all steps; each uses the results of the steps before it."""
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)

    # 1. The data: 500 images to train on, 297 to decide with, 1,000 to report on.
    parts = supernets.digits_parts()
    train, valid, test = parts["train"], parts["valid"], parts["test"]

    # 2. The supernet. The space defines the subnets. The supernet has the weights of the largest one, and every other
    #    subnet is a network whose parameters are slices of them. Batch norms of a subnet are calibrated with training
    #    images when it is used, because statistics that all subnets share fit none of them.
    space: Any = zcbench.get_space("elastic-mobilenet")
    torch.manual_seed(0)
    net = supernets.WeightSharing(
        space,
        largest=space.largest,
        smallest=space.smallest,
        calibration=torch.split(train[0], 250),
        held_out=valid,
    )

    # 3. Training. With the sandwich rule, the largest, the smallest and two random subnets learn from each batch. The
    #    checkpoint lets the same script resume when it was interrupted.
    training = supernets.Training(
        net, *train, rule=given.rule, steps=30 if given.quick else 1_200, augment=supernets.shifted
    )
    checkpoint = given.to / "supernet.safetensors"
    if checkpoint.exists():
        training.restore(checkpoint)
    for done in training.run():
        if done % 100 == 0 or done == training.steps:
            training.save(checkpoint)
            left = training.seconds / done * (training.steps - done)
            print(f"step {done} of {training.steps}, about {left:.0f} s left", flush=True)

    # 4. The whole space, evaluated with inherited weights. It is small enough for that, so that the true front of
    #    accuracy and FLOPs is known, and searches can be compared with it.
    everything = list(space)
    subnets = everything[::40] if given.quick else everything
    inherited = [net.evaluate(one) for one in subnets]
    accuracy = np.array([one["accuracy"] for one in inherited])
    loss = np.array([one["nll"] for one in inherited])
    flops = np.array([flops_of(net.cut(one).eval(), train[0]) for one in subnets])
    front = pareto_front(np.column_stack([accuracy, flops]), (True, False))
    print(f"{len(subnets)} subnets: accuracy {accuracy.min():.1%} to {accuracy.max():.1%}, {front.sum()} on the front")

    # 5. Ranking. Which scorer predicts the better subnets without any separate training? The truth is a table of
    #    stand-alone trainings. Without it, this step is skipped.
    try:
        table = zcbench.get_benchmark("elastic-mobilenet")
    except zcbench.errors.ZcbenchError as error:
        print(f"nothing to compare rankings with: {error}")
    else:
        rows = {one.key: row for row, one in enumerate(table.architectures)}
        known = [place for place, one in enumerate(subnets) if one.key in rows]
        truth = -table.truth("test_nll")[[rows[subnets[place].key] for place in known]]
        scores = {"inherited loss": -loss[known]}
        for name in ("params", "logsynflow"):
            scores[name] = np.array([proxy_of(name, space.build(subnets[place]), train) for place in known])
        for name, values in scores.items():
            tau = kendall_tau(values, truth)
            print(f"{name}: tau {tau.value:.2f} [{tau.low:.2f}, {tau.high:.2f}] over {tau.n} subnets")

    # 6. Search under a constraint: the lowest inherited loss within a quarter of the largest subnet's FLOPs. The
    #    ledger lets the search resume when it was interrupted.
    limit = flops_of(net.cut(net.largest).eval(), train[0]) / 4
    found = zcbench.search(
        net,
        objectives="-nll",
        constraints={"flops": limit},
        budget=8 if given.quick else 50,
        ledger=given.to / "search.jsonl",
    )
    print(found)
    assert found.best is not None
    chosen = found.best.architecture
    print(f"{sum(loss[flops <= limit] < found.best.values['nll'])} of the subnets within the bound have a lower loss")

    # 7. Search for the front: at most a twentieth of the space is evaluated. FLOPs of every subnet are known without an
    #    evaluation, here because they were counted above, and the searcher uses that. (With the text "-flops" in place
    #    of the scorer, the search would count them.)
    counted = {one.key: value for one, value in zip(subnets, flops, strict=True)}
    several = zcbench.search(
        net,
        searcher="ehvi",
        objectives="accuracy",
        scorer=zcbench.scorers.FunctionScorer(lambda one: counted[one.key], "flops", higher_is_better=False),
        role="objective",
        constraints=lambda one: one.key in counted,  # the whole space, except in the quick form
        budget=16 if given.quick else 64,
        ledger=given.to / "front.jsonl",
    )
    points = np.column_stack([several.values["accuracy"], several.values["flops"]])
    whole = np.column_stack([accuracy, flops])
    worst = (whole[:, 0].min(), whole[:, 1].max())
    share = hypervolume_ratio(points, whole, worst, (True, False))
    print(f"{len(several)} evaluations found {share:.1%} of the front's hypervolume")

    # 8. Extraction. A subnet is a stand-alone network with its own weights, here fine-tuned with the largest subnet as
    #    teacher. The best of its intermediate states on validation images is returned.
    network = net.subnet(chosen)
    tuned = supernets.fine_tune(
        network,
        *train,
        steps=20 if given.quick else 200,
        augment=supernets.shifted,
        teacher=net.subnet(net.largest),
        valid=valid,
    ).network
    before, after = (supernets.measured(one, *test)["accuracy"] for one in (network, tuned))
    print(f"{chosen}: test accuracy {before:.1%} as inherited, {after:.1%} fine-tuned")

    # 9. Files that work without zcbench. Each is compared with the network before it is kept. If a file cannot be
    #    written, for example because a package is missing, there is a sentence instead.
    exported = supernets.export(
        tuned, given.to / "exported", test[0][:8], name="subnet", architecture=chosen, overwrite=True
    )
    for kind, reason in exported.failed.items():
        print(f"{kind} was not written: {reason}")

    # 10. Latency on this machine, in processes that do nothing else, and a card with all of this.
    networks: dict[str, Any] = {"largest subnet": net.subnet(net.largest), "subnet": tuned}
    if "onnx" in exported.files:
        networks["subnet, ONNX"] = exported.files["onnx"].path
    latency = supernets.latencies(networks, test[0][:1], seconds=0.05 if given.quick else 2.0)
    for name, one in latency.items():
        print(f"{name}: {one if isinstance(one, str) else f'{one.median:.3f} ms an image'}")
    supernets.write_card(
        exported,
        tuned,
        test[0][:8],
        accuracy={"inherited, test": before, "fine-tuned, test": after},
        latency=latency,
        found={"searcher": found.searcher, "evaluations": len(found)},
    )
    print(f"see {given.to / 'exported' / 'subnet.md'}")


def flops_of(network: torch.nn.Module, images: torch.Tensor) -> float:
    """Return FLOPs of one image."""
    return float(zcbench.score(network, images[:2], proxies=["flops"])["flops"])


def proxy_of(name: str, network: torch.nn.Module, data: tuple[torch.Tensor, torch.Tensor]) -> float:
    """Return a training-free score of a newly initialised network."""
    images, classes = data
    return float(zcbench.score(network, images[:64], classes[:64], [name])[name])


if __name__ == "__main__":  # latency starts processes, which import this file
    main()
