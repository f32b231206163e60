"""Evaluations made by hand."""

import pytest
from boards import odd_evaluation, plain_evaluation


@pytest.fixture
def plain():
    """A plain one."""
    return plain_evaluation()


@pytest.fixture
def odd():
    """One with everything that goes wrong."""
    return odd_evaluation()
