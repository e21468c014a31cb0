"""KL-regularised policies: RLHF, best-of-n, DPO, PPO, TRPO, and a small language model."""

from kllib.policy import (
    best_of,
    dpo,
    ppo,
    preference,
    rlhf,
    token_model,
    token_policy,
    trust_region,
)
from kllib.policy.best_of import *
from kllib.policy.dpo import *
from kllib.policy.ppo import *
from kllib.policy.preference import *
from kllib.policy.rlhf import *
from kllib.policy.token_model import *
from kllib.policy.token_policy import *
from kllib.policy.trust_region import *

__all__: list[str] = []
__all__ += best_of.__all__
__all__ += dpo.__all__
__all__ += ppo.__all__
__all__ += preference.__all__
__all__ += rlhf.__all__
__all__ += token_model.__all__
__all__ += token_policy.__all__
__all__ += trust_region.__all__
