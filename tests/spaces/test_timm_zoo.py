"""Names of timm's models."""

import pytest

from zcbench.errors import InvalidArchitectureError, MissingDependencyError
from zcbench.spaces import get_space


def test_timm_names():
    space = get_space("timm")
    tagged = space.parse("vit_base_patch16_224.augreg_in21k")
    assert space.canonical(tagged).key == "vit_base_patch16_224"
    with pytest.raises(InvalidArchitectureError, match="not the name of a timm model"):
        space.parse("Not A Model")
    try:
        import timm  # noqa: F401
    except ImportError:
        for use in (lambda: next(iter(space)), lambda: space.build(tagged), lambda: space.neighbors(tagged)):
            with pytest.raises(MissingDependencyError, match="timm"):
                use()
    else:
        assert sum(p.numel() for p in space.build(space.parse("resnet18")).parameters()) == 11_689_512
