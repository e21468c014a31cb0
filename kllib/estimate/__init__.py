"""Estimates from samples and counts, with what is known of their error."""

from kllib.estimate import counts, monte_carlo, two_sample, variational_bounds
from kllib.estimate.counts import *
from kllib.estimate.monte_carlo import *
from kllib.estimate.two_sample import *
from kllib.estimate.variational_bounds import *

__all__: list[str] = []
__all__ += counts.__all__
__all__ += monte_carlo.__all__
__all__ += two_sample.__all__
__all__ += variational_bounds.__all__
