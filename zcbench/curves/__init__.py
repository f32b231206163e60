"""Learning curves: forecasts of their ends with uncertainty, and early stopping.

``curves.extrapolate([0.31, 0.52, 0.61], horizon=100)`` returns a distribution for every later epoch.
"""

from zcbench.curves._base import CurvePredictor as CurvePredictor
from zcbench.curves._beating import chances_of_beating as chances_of_beating
from zcbench.curves._beating import probability_of_beating as probability_of_beating
from zcbench.curves._context import Axis as Axis
from zcbench.curves._context import Context as Context
from zcbench.curves._extrapolate import Extrapolation as Extrapolation
from zcbench.curves._extrapolate import extrapolate as extrapolate
from zcbench.curves._extrapolate import prepare as prepare
from zcbench.curves._forecast import Binned as Binned
from zcbench.curves._forecast import Forecast as Forecast
from zcbench.curves._forecast import Mixture as Mixture
from zcbench.curves._forecast import Normals as Normals
from zcbench.curves._register import CurvePredictorInfo as CurvePredictorInfo
from zcbench.curves._register import curve_predictor_info as curve_predictor_info
from zcbench.curves._register import get_curve_predictor as get_curve_predictor
from zcbench.curves._register import list_curve_predictors as list_curve_predictors
from zcbench.curves._register import register_curve_predictor as register_curve_predictor
from zcbench.curves._register import resolve_curve_predictors as resolve_curve_predictors
from zcbench.curves.families import FAMILIES as FAMILIES
from zcbench.curves.priors import PRIORS as PRIORS
from zcbench.curves.scales import Scale as Scale
from zcbench.curves.scales import scale_of as scale_of
from zcbench.curves.stopping import Decision as Decision
from zcbench.curves.stopping import Stopper as Stopper
