"""While an item is checked, kllib does not lend its answer; everything else stays open."""

import pytest
from scipy import stats

import kllib
from kllib import kl_divergence as bound_long_before
from kllib.checks import definitions
from kllib.checks.closed import closed


@pytest.mark.parametrize(
    "borrowed",
    [
        lambda p, q: bound_long_before(p, q),
        lambda p, q: kllib.kl_divergence(p, q),
        lambda p, q: kllib.discrete.kl_divergence(p, q, axis=-1),
        lambda p, q: kllib.cross_entropy(p, q) - kllib.entropy(p),
        bound_long_before,
    ],
)
def test_the_librarys_own_answer_is_closed(said, borrowed):
    text = said("kl", "values", borrowed)[1]
    assert "write this one yourself" in " ".join(text.split())
    assert "used kllib." in text


def test_closed_behind_another_function_of_the_library(said):
    # conditional_kl is open while marginal_kl is checked only if it does not give it away.
    text = said("marginal_kl", "values", lambda P, Q: kllib.conditional_kl(P, Q))[1]
    assert "write this one yourself" in " ".join(text.split())


def test_catching_the_refusal_does_not_open_the_door(said):
    def kl(p, q):
        try:
            return bound_long_before(p, q)
        except RuntimeError:
            return bound_long_before(p, q) if p else 0.0

    assert "write this one yourself" in " ".join(said("kl", "values", kl)[1].split())


def test_scipy_is_open(said):
    assert said("kl", "values", stats.entropy)[0]


def test_open_again_afterwards(said):
    said("kl", "values", bound_long_before)
    assert bound_long_before([0.5, 0.5], [0.25, 0.75]) == pytest.approx(0.14384103622589045)


def test_open_again_after_an_interruption():
    with pytest.raises(KeyboardInterrupt), closed(["entropy"]):
        raise KeyboardInterrupt
    assert kllib.entropy([1.0]) == 0


def test_every_closed_name_exists():
    for item in definitions.ASSIGNMENT.items:
        assert all(callable(getattr(kllib, name)) for name in item.closed)
        if item.is_function:
            assert "kl_divergence" in item.closed
