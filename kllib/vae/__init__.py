"""Variational autoencoders on movie preferences, with gradients written out by hand."""

from kllib.vae import linear, loss, movies, parameters, posterior_collapse, training
from kllib.vae.linear import *
from kllib.vae.loss import *
from kllib.vae.movies import *
from kllib.vae.parameters import *
from kllib.vae.posterior_collapse import *
from kllib.vae.training import *

__all__: list[str] = []
__all__ += linear.__all__
__all__ += loss.__all__
__all__ += movies.__all__
__all__ += parameters.__all__
__all__ += posterior_collapse.__all__
__all__ += training.__all__
