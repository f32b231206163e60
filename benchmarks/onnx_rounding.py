"""How far is an exported network from torch, and how far are both from the same network in float64?

    python benchmarks/onnx_rounding.py --checkpoint supernet.safetensors

It trains elastic-mobilenet on the digits (sandwich, 1,200 steps, seed 0; a checkpoint is resumed), fine-tunes four
subnets and exports them. For each way to run them it prints the largest difference over all subnets and batches of 1 to
64: with and without onnxruntime's optimisations, with batch norms folded into convolutions before the export, and torch
itself.
"""

import argparse
import copy
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch.fx.experimental.optimization import fuse

from zcbench import supernets

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--checkpoint", type=Path, required=True)
SIZES = (1, 2, 3, 8, 17, 64)


def trained(checkpoint):
    """Return the supernet."""
    parts = supernets.digits_parts()
    training = supernets.Training(supernets.digits_supernet(0), *parts["train"], steps=1_200, augment=supernets.shifted)
    if checkpoint.exists():
        training.restore(checkpoint)
    for done in training.run():
        if done % 100 == 0:
            training.save(checkpoint)
    return training.supernet, parts


def session(network, example, level):
    """Return the network in onnxruntime."""
    batch = {0: torch.export.Dim("batch")}
    program = torch.export.export(network, (example,), dynamic_shapes=(batch,))
    content = torch.onnx.export(program, dynamo=True, verbose=False).model_proto.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.graph_optimization_level = 4, level
    found = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda images: torch.as_tensor(found.run(None, {found.get_inputs()[0].name: images.numpy()})[0])


def main() -> None:
    """Print a line for each way."""
    net, parts = trained(parser.parse_args().checkpoint)
    rng, images = np.random.default_rng(0), parts["test"][0]
    levels = onnxruntime.GraphOptimizationLevel
    worst: dict[str, list[float]] = {}
    for one in (net.largest, *(net.space.sample(rng) for _ in range(3))):
        tuned = supernets.fine_tune(net.subnet(one), *parts["train"], augment=supernets.shifted).network.eval()
        ways = {
            "torch": tuned,
            "onnxruntime": session(tuned, images[:8], levels.ORT_ENABLE_ALL),
            "onnxruntime, no optimisation": session(tuned, images[:8], levels.ORT_DISABLE_ALL),
            "onnxruntime, batch norms folded": session(fuse(copy.deepcopy(tuned)), images[:8], levels.ORT_ENABLE_ALL),
        }
        exact = copy.deepcopy(tuned).double()
        with torch.no_grad():
            for size in SIZES:
                inputs = images[:size]
                own, truth = tuned(inputs), exact(inputs.double())
                for name, way in ways.items():
                    out = way(inputs)
                    gaps = (float((out - own).abs().max()), float((out - truth).abs().max()), float(truth.abs().max()))
                    worst[name] = [max(pair) for pair in zip(worst.get(name, [0.0] * 3), gaps, strict=True)]
    for name, (from_torch, from_exact, largest) in worst.items():
        print(f"{name:32} {from_torch:.1e} from torch, {from_exact:.1e} from float64; numbers up to {largest:.0f}")


if __name__ == "__main__":
    main()
