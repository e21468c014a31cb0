"""f-divergences, Rényi divergences, the bounds between them, and differential privacy."""

from kllib.fdivergence import divergences, generators, privacy, renyi
from kllib.fdivergence.divergences import *
from kllib.fdivergence.generators import *
from kllib.fdivergence.privacy import *
from kllib.fdivergence.renyi import *

__all__: list[str] = []
__all__ += divergences.__all__
__all__ += generators.__all__
__all__ += privacy.__all__
__all__ += renyi.__all__
