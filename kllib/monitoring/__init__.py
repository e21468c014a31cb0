"""KL at work: drift, calibration, compression, PAC-Bayes and the information bottleneck."""

from kllib.monitoring import bottleneck, calibration, compression, drift, pac_bayes
from kllib.monitoring.bottleneck import *
from kllib.monitoring.calibration import *
from kllib.monitoring.compression import *
from kllib.monitoring.drift import *
from kllib.monitoring.pac_bayes import *

__all__: list[str] = []
__all__ += bottleneck.__all__
__all__ += calibration.__all__
__all__ += compression.__all__
__all__ += drift.__all__
__all__ += pac_bayes.__all__
