"""Registers every TOML file of this folder."""

from pathlib import Path

from zcbench.runs._register import register_track

register_track(*sorted(Path(__file__).parent.glob("*.toml")))
