"""What does fine-tuning improve in extracted subnets? Test accuracy before and after, by rate and by statistics.

    python benchmarks/supernet_fine_tuning.py --seed 0

A supernet of elastic-mobilenet is trained on the embedded digits by the sandwich rule. Some subnets, drawn at random,
are fine-tuned with the largest subnet as teacher; held-out images decide nothing. Statistics of batch norms are those
of the training (kept), or of the training images without augmentation (calibrated), which is the default.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from supernet_rules import interval

from zcbench import supernets
from zcbench.supernets.evaluation import measured


def main() -> None:
    """Train, fine-tune, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1_200, help="steps of the supernet")
    parser.add_argument("--tune", type=int, default=200, help="steps of fine-tuning")
    parser.add_argument("--subnets", type=int, default=6)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.01, 0.03, 0.1])
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    parts, net = supernets.digits_parts(), supernets.digits_supernet(given.seed)
    training = supernets.Training(
        net, *parts["train"], "sandwich", steps=given.steps, augment=supernets.shifted, seed=given.seed
    )
    for _ in training.run():
        pass
    rng = np.random.default_rng(5)
    chosen = [net.subnet(net.space.sample(rng)) for _ in range(given.subnets)]
    before = np.array([measured(one, *parts["test"])["accuracy"] for one in chosen])
    print(f"seed {given.seed}, before: {100 * before.mean():.1f} % of the test images")
    teacher = net.subnet(net.largest)
    for rate in given.rates:
        for name, calibration in (("kept", ()), ("calibrated", None)):
            after = []
            for one in chosen:
                tuned = supernets.fine_tune(
                    one, *parts["train"], steps=given.tune, rate=rate, teacher=teacher, augment=supernets.shifted,
                    seed=given.seed, calibration=calibration,
                )  # fmt: skip
                after.append(measured(tuned.network, *parts["test"])["accuracy"])
            points = 100 * (np.array(after) - before)
            each = " ".join(f"{value:+.1f}" for value in points)
            print(f"rate {rate}, {name:10s}: {interval(points, 2)} points ({each})", flush=True)


if __name__ == "__main__":
    main()
