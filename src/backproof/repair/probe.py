"""Evaluates proposed expressions where they would stand, to leave out what cannot be meant.

The program runs once, to its first judged step. Before each statement in question the new
expressions are evaluated on the values that are there: what raises, has another shape, or changes
nothing is not tried.
"""

from __future__ import annotations

import builtins
import itertools
import time
import warnings
from typing import Any

import numpy as np

from backproof.repair.candidate import Candidate

NAME = "backproof_probe"
#: Executions of a statement that are looked at: what is zero in the first step is not later.
EXECUTIONS = (0, 1, 4, 20)
#: Iterations of the training loop after which no more is looked at.
ITERATIONS = 4
#: CPU seconds for all evaluations of a statement.
PATIENCE = 0.25
#: CPU seconds for all evaluations.
MOST_PATIENCE = 1.0


class Probe:
    """Called by the probed program with a statement's number and its variables.

    Parameters
    ----------
    texts : list of (own, target, others)
        For each statement the text of its value, of something that has the shape it should have
        (or nothing), and of those that may take its place.
    """

    def __init__(self, texts: list[tuple[str, str, list[str]]]) -> None:
        self.texts = texts
        self.counts = [0] * len(texts)
        self.calls = [0] * len(texts)
        self.spent = [0.0] * len(texts)
        self.status: list[list[str]] = [[""] * len(others) for *_, others in texts]
        self.prints: list[list[Any]] = [[() for _ in others] for *_, others in texts]

    def install(self) -> None:
        """Make the probe known to the program."""
        setattr(builtins, NAME, self)

    @property
    def gathered(self) -> tuple[list[int], list[list[str]], list[list[Any]]]:
        """For each statement: executions, and for each text a status and a print of its values."""
        return self.counts, self.status, self.prints

    def is_done(self, iterations: int) -> bool:
        """Whether enough has been seen when an iteration begins."""
        return iterations > ITERATIONS or sum(self.spent) > MOST_PATIENCE

    def __call__(self, number: int, around: dict[str, Any], inside: dict[str, Any]) -> None:
        """Evaluate the texts of one statement."""
        call = self.calls[number]
        self.calls[number] += 1
        if call not in EXECUTIONS or self.spent[number] > PATIENCE:
            return
        self.counts[number] += 1
        started = time.process_time()
        own, target, others = self.texts[number]
        scope = {**around, **inside}
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            value = _evaluate(own, scope)
            wanted = _evaluate(target, scope) if target else _Failure()
            misshapen = not isinstance(wanted, _Failure) and (
                isinstance(value, _Failure) or _form(value) != _form(wanted)
            )
            for index, text in enumerate(others):
                status = self.status[number][index]
                if status == "raises":
                    continue
                if time.process_time() - started > PATIENCE:
                    break
                other = _evaluate(text, scope)
                if isinstance(other, _Failure):
                    # What could be evaluated before is not out: a rehearsal tells more.
                    self.status[number][index] = status or "raises"
                    continue
                if misshapen and _form(other) == _form(wanted):
                    self.status[number][index] = "fits"
                elif not isinstance(value, _Failure) and _form(other) != _form(value):
                    self.status[number][index] = "shape"
                elif status not in ("shape", "fits") and not _is_blank(value, other):
                    same = not isinstance(value, _Failure) and _same(value, other)
                    self.status[number][index] = "same" if same and status != "new" else "new"
                self.prints[number][index] += (_print(other),)
        self.spent[number] += time.process_time() - started


class _Failure:
    """What an expression that raises is worth."""


def _evaluate(text: str, scope: dict[str, Any]) -> Any:
    try:
        return eval(f"(\n{text}\n)", scope)
    except Exception:
        return _Failure()


def _form(value: Any) -> Any:
    if isinstance(value, tuple | list) and len(value) < 50:
        return tuple(_form(v) for v in value)
    if isinstance(value, dict) and len(value) < 50:
        return tuple((str(k), _form(v)) for k, v in value.items())
    if isinstance(value, np.ndarray | np.generic | float | int):
        return np.shape(value)
    return type(value).__name__


def _is_blank(one: Any, other: Any) -> bool:
    """Whether two values say nothing, since both are zero: a penalty on weights that start as 0."""
    try:
        return not np.any(one) and not np.any(other)
    except Exception:
        return False


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    try:
        return bool(np.array_equal(one, other))
    except Exception:
        return False


def _print(value: Any) -> Any:
    """Return something by which equal values are known."""
    if isinstance(value, tuple | list) and len(value) < 50:
        return tuple(_print(v) for v in value)
    if isinstance(value, dict) and len(value) < 50:
        return tuple((str(k), _print(v)) for k, v in value.items())
    try:
        array = np.asarray(value, float)
        weights = np.cos(np.arange(array.size)).reshape(array.shape)
        sums = float(np.nansum(array)), float(np.nansum(array * weights))
        return array.shape, *(f"{total:.10g}" for total in sums)
    except Exception:
        return f"unknown {next(_NUMBERS)}"


_NUMBERS = itertools.count()


def sieve(
    candidates: list[Candidate], counts: list[int], status: list[list[str]],
    prints: list[list[Any]], places: list[tuple[int, int] | None],
) -> list[Candidate]:  # fmt: skip
    """Return the candidates worth a trial, cheapest first; equal values once.

    Parameters
    ----------
    places : list of (statement, index) or None
        Where each candidate was probed; None where it could not be.
    """
    from dataclasses import replace

    kept: list[Candidate] = []
    seen: set[Any] = set()
    order = sorted(range(len(candidates)), key=lambda i: candidates[i].price)
    for i in order:
        candidate, place = candidates[i], places[i]
        if place is None:
            kept.append(candidate)
            continue
        number, index = place
        if not counts[number]:
            continue
        verdict = status[number][index]
        if verdict in ("raises", "same"):
            continue
        key = (number, repr(prints[number][index]))
        if verdict and key in seen:  # what was zero throughout is known by nothing
            continue
        seen.add(key)
        extra = {"shape": 0.6, "": 0.3, "fits": -1.0}.get(verdict, 0.0)
        kept.append(replace(candidate, price=candidate.price + extra))
    return sorted(kept, key=lambda c: c.price)
