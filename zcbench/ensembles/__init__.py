"""Ensembles: scores of sets of candidates, combined from the scores of several proxies.

A rank is relative to other candidates, so ensembles score a whole set at once, and a candidate's score changes with the
set.
"""

from zcbench.ensembles._register import Ensemble, ensemble_info, get_ensemble, list_ensembles, register_ensemble

__all__ = ["Ensemble", "ensemble_info", "get_ensemble", "list_ensembles", "register_ensemble"]
