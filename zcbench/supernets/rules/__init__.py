"""Training rules of supernets, one per file."""

from zcbench.supernets.rules.delayed import Delayed
from zcbench.supernets.rules.progressive import Progressive
from zcbench.supernets.rules.sandwich import Sandwich
from zcbench.supernets.rules.single_path import SinglePath

__all__ = ["Delayed", "Progressive", "Sandwich", "SinglePath"]
