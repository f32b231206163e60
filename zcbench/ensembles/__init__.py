"""Scores of sets: what several proxies say together about several candidates.

A rank exists only among others, so these score a whole set at once, and a candidate's score changes with the set.
"""

from zcbench.ensembles._register import Ensemble, ensemble_info, get_ensemble, list_ensembles, register_ensemble

__all__ = ["Ensemble", "ensemble_info", "get_ensemble", "list_ensembles", "register_ensemble"]
