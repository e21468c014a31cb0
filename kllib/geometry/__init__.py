"""Information geometry: the Fisher metric, geodesics, projections, maximum entropy and EM."""

from kllib.geometry import em, fisher, geodesics, projections
from kllib.geometry.em import *
from kllib.geometry.fisher import *
from kllib.geometry.geodesics import *
from kllib.geometry.projections import *

__all__: list[str] = []
__all__ += em.__all__
__all__ += fisher.__all__
__all__ += geodesics.__all__
__all__ += projections.__all__
