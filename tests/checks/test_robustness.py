"""Whatever a student's code does, check comes back, says something, and awards nothing false."""

import logging
import os
import sys
import time
import warnings

import numpy as np
import pytest
from scipy.special import rel_entr

from kllib.checks import calling, definitions, wrong_functions


def raising(error):
    def kl(p, q):
        raise error

    return kl


class Bad(Exception):
    def __str__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(0),
        KeyboardInterrupt(),
        GeneratorExit(),
        StopIteration(),
        MemoryError(),
        RecursionError("deep"),
        Bad(),
        ExceptionGroup("several", [ValueError("x")]),
        ValueError("many\nlines\n" * 50),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_is_raised_is_told(said, error):
    text = said("kl", "values", raising(error))[1]
    assert f"raised {type(error).__name__}" in " ".join(text.split())
    assert "Traceback" not in text and len(text) < 500


class Liar(float):
    def __eq__(self, other):
        return True

    def __float__(self):
        return 0.14384103622589045

    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__
    __hash__ = None


class Everything:
    def __eq__(self, other):
        return True

    def __float__(self):
        return 0.1438

    def __array__(self, *args, **kwargs):
        return np.array(0.14384103622589045)

    def __abs__(self):
        return 0.0


class LyingArray(np.ndarray):
    def __array_ufunc__(self, *args, **kwargs):
        return np.array(True)


ODD = {
    "liar": Liar(7.0),
    "everything": Everything(),
    "lying array": np.array(7.0).view(LyingArray),
    "nan": float("nan"),
    "text": "0.14384103622589045",
    "true": True,
    "generator": (x for x in [0.1438]),
    "list of text": ["0.1438"],
    "dict": {"D": 0.1438},
    "set": {0.1438},
    "complex": 0.14384103622589045 + 0j,
    "one number in a list": [0.14384103622589045],
    "terms instead of the sum": np.array([0.3466, -0.2027]),
    "ragged": [[1.0], [1.0, 2.0]],
    "objects": np.array([None, 1.0], dtype=object),
    "huge": np.zeros(10**6),
    "deep": [[[[[[[1.0]]]]]]],
    "function": print,
    "module": sys,
    "enormous whole number": 10**400,
    "-1": -1,
    "inf": float("inf"),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_odd_results_are_wrong_and_told(said, odd):
    right, wrong = said("kl", "values", lambda p, q: odd)
    assert not right and "not right" in wrong and len(wrong) < 700


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("name", ["bits", "twin", "larger", "nearest"])
def test_odd_values_are_wrong_and_told(said, name, odd):
    part = next(iter(definitions.ASSIGNMENT[name].parts))
    right, wrong = said(name, part, odd, "practice")
    assert not right and "not right" in wrong and len(wrong) < 700


def test_a_coroutine_leaves_no_warning_behind(said):
    async def kl(p, q):
        return 0.1

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "gave a coroutine" in said("kl", "values", kl)[1]


@pytest.mark.parametrize(
    "convert",
    [
        float,
        np.float64,
        np.float32,
        np.array,
        lambda x: np.array(x, dtype=np.float32),
        lambda x: np.longdouble(x),
        lambda x: __import__("decimal").Decimal(float(x)),
        lambda x: __import__("fractions").Fraction(float(x)),
    ],
)
def test_every_kind_of_number_is_accepted(said, convert):
    assert said("kl", "values", lambda p, q: convert(rel_entr(p, q).sum()))[0]


@pytest.mark.parametrize("convert", [list, tuple, np.array])
def test_several_numbers_come_in_any_sequence(said, convert):
    assert said("exact", "value", convert([0.6, 0.1]))[0]


@pytest.mark.filterwarnings("ignore")  # pytest would list them
def test_right_and_noisy_is_right(said):
    log = logging.getLogger("student")
    handler = logging.StreamHandler()  # keeps the stream of this moment
    log.addHandler(handler)

    def kl(p, q):
        print("p is", p)
        print("careful", file=sys.stderr)
        warnings.warn("careful", stacklevel=1)
        log.warning("careful")
        os.write(2, b"from compiled code\n")
        with np.errstate(divide="warn"):
            np.log(np.zeros(1))
        return rel_entr(p, q).sum()

    try:
        assert said("kl", "values", kl) == ("kl, values: right. 2 points.", "")
    finally:
        log.removeHandler(handler)


def test_the_streams_are_as_before(said, capfd):
    said("kl", "values", raising(SystemExit()))
    print("out")
    print("err", file=sys.stderr)
    os.write(2, b"descriptor\n")
    shown = capfd.readouterr()
    assert shown.out == "out\n" and "err\n" in shown.err and "descriptor" in shown.err


def test_an_endless_loop_is_ended(said, monkeypatch):
    monkeypatch.setattr(calling, "SECONDS", 0.2)

    def kl(p, q):
        while True:
            pass

    start = time.monotonic()
    text = said("kl", "values", kl)[1]
    assert "an endless loop?" in text
    assert time.monotonic() - start < 5


def test_endless_output_is_ended(said, monkeypatch):
    monkeypatch.setattr(calling, "SECONDS", 0.2)

    def kl(p, q):
        while True:
            print("and on", file=sys.stderr)

    assert "an endless loop?" in said("kl", "values", kl)[1]


def test_a_loop_that_swallows_exceptions_is_ended(said, monkeypatch):
    monkeypatch.setattr(calling, "SECONDS", 0.2)

    def kl(p, q):
        try:
            while True:
                time.sleep(0.01)
        except BaseException:
            while True:
                time.sleep(0.01)

    assert "an endless loop?" in said("kl", "values", kl)[1]


def test_another_alarm_survives(monkeypatch):
    import signal

    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 30)
        calling.call(lambda: 1.0, ())
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 10
        signal.raise_signal(signal.SIGALRM)
        assert rung == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_arguments_cannot_be_spoilt_for_the_next_call(said):
    def kl(p, q):
        result = rel_entr(p, q).sum()
        if isinstance(p, list):
            p.clear()
            q.append(7)
        return result

    assert said("kl", "values", kl)[0]


def test_changing_an_array_in_place_is_named(said):
    text = said("kl", "inputs", wrong_functions.changed_in_place)[1]
    assert "The function changes its arguments in place: work on a copy of them." in text


def test_a_wrong_signature_is_told(said):
    assert "raised TypeError" in said("kl", "values", lambda p: 1.0)[1]


@pytest.mark.parametrize("not_a_function", [0.14, "kl", [1.0], True])
def test_something_else_than_a_function_is_told(said, not_a_function):
    assert "kl should be a function" in said("kl", "values", not_a_function)[1]


@pytest.mark.parametrize("student_id", [None, "", "  ", 3.5, object(), ["ada"]])
def test_a_broken_id_is_told(said, student_id):
    assert "student_id" in said("twin", "value", [0.1, 0.1], student_id)[1]


def test_settings_of_the_notebook_do_not_reach_our_arithmetic(said):
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "This is D(q‖p)" in said("kl", "infinity", wrong_functions.swapped)[1]
        assert said("kl", "infinity", lambda p, q: rel_entr(p, q).sum())[0]


@pytest.mark.parametrize("item", definitions.ASSIGNMENT.items, ids=lambda item: item.name)
def test_nothing_odd_breaks_any_check(said, item):
    for part in item.parts:
        for odd in ODD.values():
            answer = (lambda p, q, odd=odd: odd) if item.is_function else odd
            right, wrong = said(item.name, part, answer, "practice")
            # Where only infinities are tried, an infinity is right. (No ==: some of these lie.)
            infinite = odd is ODD["inf"] and (item.name, part) == ("kl", "infinity")
            assert right if infinite else wrong
            assert "could not be checked" not in wrong
