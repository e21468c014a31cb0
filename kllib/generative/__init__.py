"""Flows, diffusion and GANs, each with the KL divergence inside it."""

from kllib.generative import denoising, diffusion, flows, gans
from kllib.generative.denoising import *
from kllib.generative.diffusion import *
from kllib.generative.flows import *
from kllib.generative.gans import *

__all__: list[str] = []
__all__ += denoising.__all__
__all__ += diffusion.__all__
__all__ += flows.__all__
__all__ += gans.__all__
