"""KL divergence: the library shared by the course's chapters, exercises and grading.

Every public name imports from here. ``kl_divergence(p, q)`` is D(p‖q), the expectation under the
first argument; nats unless ``base=`` says otherwise.
"""

from kllib import (
    discrete,
    distillation,
    estimate,
    families,
    fdivergence,
    gaussian,
    generative,
    geometry,
    logits,
    mixture,
    monitoring,
    policy,
    vae,
    variational,
)
from kllib.discrete import *
from kllib.distillation import *
from kllib.estimate import *
from kllib.families import *
from kllib.fdivergence import *
from kllib.gaussian import *
from kllib.generative import *
from kllib.geometry import *
from kllib.logits import *
from kllib.mixture import *
from kllib.monitoring import *
from kllib.policy import *
from kllib.vae import *
from kllib.variational import *

__all__: list[str] = []
__all__ += discrete.__all__
__all__ += gaussian.__all__
__all__ += logits.__all__
__all__ += mixture.__all__
__all__ += fdivergence.__all__
__all__ += families.__all__
__all__ += estimate.__all__
__all__ += geometry.__all__
__all__ += variational.__all__
__all__ += vae.__all__
__all__ += policy.__all__
__all__ += distillation.__all__
__all__ += generative.__all__
__all__ += monitoring.__all__
