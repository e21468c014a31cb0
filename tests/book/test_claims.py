"""claim(): agreement, blocking, Monte Carlo, and the record lines."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kllib
from kllib import entropy, kl_divergence
from kllib.claims import ClaimError, Record, claim, given, quoted, read_records, without_records

P, Q = np.array([0.7, 0.3]), np.array([0.5, 0.5])


def coin() -> float:
    return 0.7 * math.log(0.7 / 0.5) + 0.3 * math.log(0.3 / 0.5)


def record(capsys: pytest.CaptureFixture[str]) -> Record:
    (found,) = read_records(capsys.readouterr().out)
    return found


# --- inputs ---


def test_inputs_come_back_in_order_and_print_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    p, n, joint = given(p=[0.7, 0.3], n=1000, joint=[[0.1, 0.2], [0.3, 0.4]])
    assert isinstance(p, np.ndarray) and p.dtype == float and joint.shape == (2, 2)
    assert n == 1000 and isinstance(n, int)
    assert given(p_heads=0.7) == 0.7
    assert quoted(0.40, source="a book, page 3") == 0.40
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("bad", ["0.7", None, True, [[0.1], [0.2, 0.3]], ["a"]])
def test_an_input_is_a_number_or_a_list_of_numbers(bad: Any) -> None:
    with pytest.raises(TypeError, match="input 'p' must be a number or a list of numbers"):
        given(p=bad)


def test_nothing_given_and_no_source_are_refused() -> None:
    with pytest.raises(TypeError, match="at least one input"):
        given()
    with pytest.raises(ValueError, match="needs a source"):
        quoted(1.0, source=" ")


# --- agreement ---


def test_agreeing_routes_print_a_record_and_return_the_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    value = claim("coin", kllib=lambda: kl_divergence(P, Q), written_out=coin, unit="nats")
    assert type(value) is float and value == pytest.approx(coin(), rel=1e-14)
    assert capsys.readouterr().out == "✓ coin = 0.08228287851 nats  [kllib · written out]\n"


def test_disagreeing_routes_raise_and_show_both(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ClaimError) as caught:
        claim("coin", kllib=lambda: kl_divergence(Q, P), written_out=coin)
    message = str(caught.value)
    assert "claim 'coin': its routes disagree" in message
    assert "0.087176693572388" in message and "0.082282878505051" in message
    assert "differ by 0.0561 relative (allowed 1e-10)" in message
    assert "check the direction D(p‖q)" in message
    assert capsys.readouterr().out == "", "what is not proved is not recorded"


def test_rtol_is_the_largest_difference_allowed() -> None:
    routes: dict[str, Callable[[], float]] = {"one": lambda: 1.0, "other": lambda: 1.0 + 1e-6}
    claim("close", rtol=1e-5, **routes)
    with pytest.raises(ClaimError, match="disagree"):
        claim("not close", rtol=1e-7, **routes)


def test_three_routes_must_agree_in_every_pair() -> None:
    with pytest.raises(ClaimError, match="b and c differ"):
        claim("three", a=lambda: 1.0, b=lambda: sum(Q), c=lambda: 2.0)


def test_zero_and_infinity_must_agree_exactly(capsys: pytest.CaptureFixture[str]) -> None:
    infinite = claim(
        "a missing face",
        kllib=lambda: kl_divergence([0.5, 0.5], [1.0, 0.0]),
        limit=lambda: math.inf * 0.5,
    )
    assert infinite == math.inf
    assert record(capsys).values == (math.inf,)
    assert claim("itself", kllib=lambda: kl_divergence(P, P), sum=lambda: sum(P - P)) == 0
    assert record(capsys).texts == ("0",)
    with pytest.raises(ClaimError, match="differ by inf"):
        claim("nearly zero", a=lambda: 0.0, b=lambda: 1e-300)
    with pytest.raises(ClaimError, match="differ by inf"):
        claim("nearly infinite", a=lambda: math.inf, b=lambda: 1e300)
    with pytest.raises(ClaimError, match="disagree"):
        claim("two infinities", a=lambda: math.inf, b=lambda: -math.inf)


def test_nan_and_what_is_no_number_prove_nothing() -> None:
    with pytest.raises(ClaimError, match="route 'b' returned nan"):
        claim("nan", a=lambda: 1.0, b=lambda: math.nan)
    with pytest.raises(ClaimError, match="route 'b' returned nan"):
        claim("nan", a=lambda: 1.0, b=lambda: (1.0, math.nan))
    for odd in ("1.0", None, True, 1j, [], [[[1.0]]]):
        with pytest.raises(ClaimError, match="which is not a real number"):
            claim("odd", a=lambda: 1.0, b=lambda odd=odd: odd)


def test_arrays_agree_entry_by_entry_and_in_shape(capsys: pytest.CaptureFixture[str]) -> None:
    table = claim(
        "terms",
        array=lambda: P * np.log(P / Q),
        written_out=lambda: [0.7 * math.log(1.4), 0.3 * math.log(0.6)],
    )
    assert table.shape == (2,)
    assert record(capsys).texts == ("0.2355305656", "-0.1532476871")
    with pytest.raises(ClaimError, match="gives shape"):
        claim("shapes", a=lambda: [1.0, 2.0], b=lambda: [1.0])
    with pytest.raises(ClaimError, match="disagree"):
        claim("one entry", a=lambda: [1.0, 2.0], b=lambda: [1.0, 2.1])


# --- routes that prove nothing ---


def test_an_independent_route_may_not_call_kllib() -> None:
    with pytest.raises(ClaimError) as caught:
        claim("coin", written_out=coin, again=lambda: kllib.kl_divergence(P, Q))
    assert "route 'again' of claim 'coin' calls kllib.kl_divergence: it proves nothing" in str(
        caught.value
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nor_through_a_bound_name_a_closure_or_a_thread() -> None:
    bound = kl_divergence

    def in_a_thread() -> float:
        results: list[float] = []
        thread = threading.Thread(target=lambda: results.append(float(entropy(P))))
        thread.start()
        thread.join()
        return results[0] if results else coin()

    def swallowed() -> float:
        try:
            return float(bound(P, Q))
        except Exception:
            return coin()

    for route in (lambda: bound(P, Q), lambda: max(map(bound, [P], [Q])), swallowed):
        with pytest.raises(ClaimError, match=r"calls kllib\.kl_divergence: it proves nothing"):
            claim("coin", kllib=lambda: kl_divergence(P, Q), again=route)
    with pytest.raises(ClaimError, match=r"calls kllib\.entropy: it proves nothing"):
        claim("coin", kllib=lambda: kl_divergence(P, Q), again=in_a_thread)


def test_the_route_kllib_must_call_kllib() -> None:
    with pytest.raises(ClaimError, match="route 'kllib' never calls kllib"):
        claim("coin", kllib=coin, written_out=lambda: 1 * coin())


def test_the_same_computation_twice_is_refused() -> None:
    with pytest.raises(ClaimError, match="'one' and 'other' are the same computation"):
        claim("coin", one=coin, other=coin)
    with pytest.raises(ClaimError, match="are the same computation"):
        claim("coin", one=lambda: sum(P * np.log(P / Q)), other=lambda: sum(P * np.log(P / Q)))
    claim("coin", one=lambda: float(sum(P)), other=lambda: float(sum(Q)))  # not the same


@pytest.mark.parametrize("failing", [False, True])
def test_an_earlier_profiler_is_put_back(failing: bool) -> None:
    def profiler(*_: Any) -> None:
        pass

    sys.setprofile(profiler)
    try:
        if failing:
            with pytest.raises(ClaimError):
                claim("coin", a=coin, b=lambda: kl_divergence(P, Q))
        else:
            claim("coin", kllib=lambda: kl_divergence(P, Q), written_out=coin)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert threading.getprofile() is None
    assert kl_divergence(P, Q) > 0, "kllib works again"


# --- Monte Carlo ---


def estimate(value: float, error: float) -> Callable[[], tuple[float, float]]:
    return lambda: (value, error)


def test_an_estimate_agrees_within_its_standard_error() -> None:
    claim("coin", kllib=lambda: kl_divergence(P, Q), monte_carlo=estimate(0.0825, 0.0001))
    with pytest.raises(ClaimError, match=r"more than 4\.5 SE"):
        claim("coin", kllib=lambda: kl_divergence(P, Q), monte_carlo=estimate(0.0825, 0.00004))


@pytest.mark.parametrize("error", [0.0, -0.001, 0.0042, math.inf])
def test_a_standard_error_must_mean_something(error: float) -> None:
    with pytest.raises(ClaimError, match="at most 5 % of the value"):
        claim("coin", kllib=lambda: kl_divergence(P, Q), monte_carlo=estimate(0.0823, error))


@pytest.mark.parametrize(
    ("error", "printed", "digits"), [(1e-3, "0.08", 1), (1e-4, "0.082", 2), (1e-6, "0.08228", 4)]
)
def test_an_estimate_alone_proves_only_its_digits(
    capsys: pytest.CaptureFixture[str], error: float, printed: str, digits: int
) -> None:
    near = coin() + error
    claim("coin", kllib=lambda: kl_divergence(P, Q), monte_carlo=estimate(near, error))
    assert capsys.readouterr().out.startswith(f"✓ coin ≈ {printed}")
    claim("coin", kllib=lambda: kl_divergence(P, Q), monte_carlo=estimate(near, error))
    assert record(capsys).digits == digits
    claim("coin", kllib=lambda: kl_divergence(P, Q), exact=coin, monte_carlo=estimate(near, error))
    assert record(capsys).digits == 10


def test_a_tuple_is_an_estimate_and_nothing_else() -> None:
    with pytest.raises(ClaimError, match="returned a tuple of 3"):
        claim("three", a=lambda: [1, 2, 3], b=lambda: (1, 2, 3))
    with pytest.raises(ClaimError, match="standard errors of shape"):
        claim("two", a=lambda: [1.0, 2.0], b=lambda: ([1.0, 2.0], 0.01))


# --- form and records ---


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("", {}, "write one line of words"),
        ("a = b", {}, "write one line of words"),
        ("two  spaces", {}, "write one line of words"),
        ("unit", {"unit": "nats [per day]"}, "words without brackets"),
        ("tolerance", {"rtol": 0.5}, "rtol must lie between"),
        ("tolerance", {"rtol": 0.0}, "rtol must lie between"),
    ],
)
def test_a_badly_formed_claim_is_refused(name: str, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        claim(name, a=coin, b=lambda: coin(), **options)


def test_routes_are_two_callables_kllib_first() -> None:
    with pytest.raises(ValueError, match=r"has 1 route\(s\)"):
        claim("coin", kllib=lambda: kl_divergence(P, Q))
    with pytest.raises(ValueError, match="route 'b' is a value, not a callable"):
        claim("coin", a=coin, b=0.08228)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="write the route 'kllib' first"):
        claim("coin", written_out=coin, kllib=lambda: kl_divergence(P, Q))


@pytest.mark.parametrize(
    "value",
    [
        0.5,
        1 / 3,
        -2.5e-20,
        1e22,
        40320,
        0,
        math.inf,
        -math.inf,
        [1 / n for n in range(1, 40)],
        [[0.1, -math.inf], [0.0, 1e-9]],
    ],
)
@pytest.mark.parametrize("rtol", [1e-10, 1e-4, 1e-2])
@pytest.mark.parametrize("unit", ["", "nats", "bits per day"])
def test_a_record_is_read_back(
    capsys: pytest.CaptureFixture[str], value: Any, rtol: float, unit: str
) -> None:
    name = "x, of 3 [and more]"
    claim(name, a=lambda: value, another_way=lambda: np.array(value) * 1, rtol=rtol, unit=unit)
    printed = capsys.readouterr().out
    assert all(len(line) <= 90 for line in printed.splitlines())
    (found,) = read_records("before\n" + printed + "after 0.5\n")
    assert found.name == name and found.unit == unit
    assert found.routes == ("a", "another way")
    np.testing.assert_allclose(found.values, np.ravel(value), rtol=5.01 * rtol)  # half a digit
    if np.all(np.isfinite(value)) and np.all(value):
        assert found.digits == round(-math.log10(rtol))

    blanked = without_records("before\n" + printed + "after 0.5\n")
    assert blanked.split() == ["before", "after", "0.5"]
    assert len(blanked) == len("before\n" + printed + "after 0.5\n"), "positions are kept"


def test_other_text_is_no_record() -> None:
    for text in ("✓ done", "D = 0.5 [a · b]", "✓ x = 0.5 nats", "✓ x = 0.5 nats  [kllib]"):
        assert read_records(text) == []
        assert without_records(text) == text
