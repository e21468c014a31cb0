"""Calling a student's function without being hurt by what it does.

Whatever it raises is caught (``SystemExit`` and ``KeyboardInterrupt`` as well), whatever it
prints is set aside (stock nbgrader scores a harmless warning 0 points), and an endless loop is
ended. Its result is read while all this holds, so that nothing of it survives the call.
"""

from __future__ import annotations

import inspect
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np

from kllib.checks.values import Numbers, Unreadable, read

#: Seconds that one call may take.
SECONDS = 5.0


@dataclass(frozen=True)
class Outcome:
    """What one call led to: a value, or the exception that ended it."""

    value: Numbers | str | Unreadable | None = None
    raised: str = ""
    words: str = ""

    @property
    def empty(self) -> bool:
        """The function is not written yet: it gives None or is the released stub."""
        return self.raised == "NotImplementedError" or (not self.raised and self.value is None)

    @property
    def too_slow(self) -> bool:
        return self.raised == _TooSlow.__name__


class _TooSlow(BaseException):
    """Not an Exception, so that a student's ``except Exception`` does not swallow it."""


def call(function: Callable[..., Any], args: tuple[Any, ...]) -> Outcome:
    """One call within the time limit. Never raises."""
    if not _can_interrupt():
        return _call(function, args)
    armed = True

    def ring(signum: int, frame: FrameType | None) -> None:
        if armed:
            raise _TooSlow

    handler = signal.signal(signal.SIGALRM, ring)
    earlier = 0.0, 0.0
    try:
        try:
            # It rings again and again, for a loop that swallows the first exception.
            earlier = signal.setitimer(signal.ITIMER_REAL, SECONDS, 0.2)
            outcome = _call(function, args)
        finally:
            armed = False
    except BaseException as error:  # the bell may ring on the way out
        armed = False
        outcome = Outcome(raised=type(error).__name__)
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, *earlier)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if handler is None else handler)
    return outcome


def _can_interrupt() -> bool:
    return hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread()


def _call(function: Callable[..., Any], args: tuple[Any, ...]) -> Outcome:
    try:
        result = function(*args)
        if inspect.iscoroutine(result):
            result.close()  # or Python would warn later, outside our care
        return Outcome(value=None if result is None else read(result))
    except BaseException as error:
        return Outcome(raised=type(error).__name__, words=words_of(error))


def words_of(error: BaseException) -> str:
    """What an exception says, in one line of at most 120 letters."""
    try:
        text = " ".join(str(error).split())
    except Exception:
        return ""
    return text if len(text) <= 120 else text[:119] + "…"


@contextmanager
def silence() -> Iterator[_Nowhere]:
    """Nothing that is written within reaches the cell: prints, warnings, logs, compiled code.

    What it yields knows whether anything was printed.
    """
    with ExitStack() as stack:
        # Handlers of `logging` keep the stream they were made with.
        for stream in {id(s): s for s in (sys.stdout, sys.stderr)}.values():
            stack.enter_context(_deaf(stream))
        printed = stack.enter_context(redirect_stdout(_Nowhere()))
        stack.enter_context(redirect_stderr(_Nowhere()))
        for descriptor in (1, 2):
            stack.enter_context(_closed_descriptor(descriptor))
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(np.errstate())  # a setting changed by the student ends here
        yield printed


class _Nowhere(io.TextIOBase):
    used = False

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        self.used = True
        return len(text)


@contextmanager
def _deaf(stream: Any) -> Iterator[None]:
    try:
        before = vars(stream).get("write")
        stream.write = len
    except (AttributeError, TypeError):  # a stream of C code takes no attribute
        yield
        return
    try:
        yield
    finally:
        if before is None:
            with suppress(AttributeError):
                del stream.write
        else:
            stream.write = before


@contextmanager
def _closed_descriptor(descriptor: int) -> Iterator[None]:
    try:
        kept = os.dup(descriptor)
    except OSError:  # no such descriptor in this process
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, descriptor)
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def quiet() -> Iterator[None]:
    """For our own arithmetic: no warning, whatever the notebook has set."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
