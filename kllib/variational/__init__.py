"""Variational inference: the ELBO, mean field, and fits under either direction."""

from kllib.variational import elbo, mean_field, normal_fits
from kllib.variational.elbo import *
from kllib.variational.mean_field import *
from kllib.variational.normal_fits import *

__all__: list[str] = []
__all__ += elbo.__all__
__all__ += mean_field.__all__
__all__ += normal_fits.__all__
