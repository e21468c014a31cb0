"""KL divergence between parametric families, and exponential families as Bregman geometry."""

from kllib.families import dispatch, exponential_family
from kllib.families.dispatch import *
from kllib.families.exponential_family import *

__all__: list[str] = []
__all__ += dispatch.__all__
__all__ += exponential_family.__all__
