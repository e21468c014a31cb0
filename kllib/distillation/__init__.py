"""Knowledge distillation: the loss with its temperature and directions, and a trained student."""

from kllib.distillation import classifier, loss
from kllib.distillation.classifier import *
from kllib.distillation.loss import *

__all__: list[str] = []
__all__ += classifier.__all__
__all__ += loss.__all__
