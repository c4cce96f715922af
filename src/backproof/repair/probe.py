"""Evaluates proposed expressions where they would stand, to leave out what cannot be meant.

The program runs once, to its first judged step. Before each statement in question the new
expressions are evaluated on the values that are there: what raises, has another shape, or changes
nothing is not tried.
"""

from __future__ import annotations

import ast
import builtins
import functools
import itertools
import random
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

import numpy as np

from backproof.repair.candidate import Candidate
from backproof.repair.openings import openings
from backproof.repair.synthesis import terms
from backproof.source import Edit
from backproof.trace.places import mangled

NAME = "backproof_probe"
#: Executions of a statement that are looked at: what is zero in the first step is not later.
EXECUTIONS = (0, 1, 4, 20)
AGAIN = 2
#: Iterations of the training loop after which no more is looked at.
ITERATIONS = 4
#: CPU seconds for all evaluations of a statement.
PATIENCE = 0.25
#: CPU seconds for all evaluations.
MOST_PATIENCE = 1.5
#: CPU seconds for a statement of which it is known what it should have come to.
GUIDED_PATIENCE = 0.8
#: Executions of a statement in which a value is looked for that should have been another. All is
#: evaluated in the first only: what reaches the later ones may be wrong already.
SEARCHED = 5_000
#: Values meant in one execution of which an expression is put together.
MOST_WISHES = 2
#: Relative difference of values that are meant to be equal.
EQUAL = 1e-6
#: Evaluates a text where a statement stands.
Read = Callable[[str], Any]
#: Kinds that become arrays. (What `np.r_` would become has no end.)
NUMBERS = (np.ndarray, np.generic, float, int, list, tuple)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about one statement.

    Attributes
    ----------
    own : str
        The text of its value.
    target : str
        The text of something that has the shape that it should have; or nothing.
    others : list of str
        The texts that may take its place.
    meant : tuple of (part, value, value meant)
        What it came to in the first wrong step, and what it should have come to (NaN: anything).
        The part is the position in a tuple, or -1 for all of the value.
    sums : tuple of (part, values, total meant)
        The same of what is added up in a step.
    """

    own: str
    target: str
    others: list[str]
    meant: tuple[tuple[int, Any, Any], ...] = ()
    sums: tuple[tuple[int, Any, Any], ...] = ()
    values: tuple[str, ...] = ()
    """Texts of values at hand, of which what is missing may be put together."""
    sizes: tuple[str, ...] = ()
    inplace: bool = False
    """It is added to the target, whose shape stays as it is."""
    owner: str = ""
    """The class around it, whose private names its texts may have."""

    @property
    def is_guided(self) -> bool:
        """Whether it is known what the statement should have come to."""
        return bool(self.meant or self.sums)


class Probe:
    """Called by the probed program with a statement's number and its variables."""

    def __init__(self, questions: list[Question]) -> None:
        self.questions = questions
        self.counts = [0] * len(questions)
        self.calls = [0] * len(questions)
        self.begun = 0
        self.once = [0] * len(questions)
        """Executions in the first iteration."""
        self.again = [0] * len(questions)
        """Executions in the second iteration: parameters that started as 0 are moved by then."""
        self.spent = [0.0] * len(questions)
        self.met = [0] * len(questions)
        self.status: list[list[str]] = [[""] * len(q.others) for q in questions]
        self.prints: list[list[Any]] = [[() for _ in q.others] for q in questions]
        self.totals: list[dict[int, Any]] = [{} for _ in questions]
        """For each statement what the texts that can be added up came to, and how many times."""
        self.added = [0] * len(questions)
        self.made: list[list[str]] = [[] for _ in questions]
        """For each statement texts that were put together."""

    def install(self) -> None:
        """Make the probe known to the program."""
        setattr(builtins, NAME, self)

    @property
    def gathered(self) -> tuple[list[int], list[list[str]], list[list[Any]], list[list[str]]]:
        """For each statement: executions, for each text a status and a print, and further texts."""
        return self.counts, self.status, self.prints, self.made

    def is_done(self, iterations: int) -> bool:
        """Whether enough has been seen when an iteration begins."""
        self.begun = iterations
        return iterations > ITERATIONS or sum(self.spent) > MOST_PATIENCE

    def __call__(self, number: int, around: dict[str, Any], inside: dict[str, Any]) -> None:
        """Evaluate the texts of one statement."""
        question = self.questions[number]
        call = self.calls[number]
        self.calls[number] += 1
        asked = call in EXECUTIONS or (self.begun == 2 and self._is_asked_again(number))
        self.once[number] += self.begun == 1
        self.again[number] += self.begun == 2
        patience = PATIENCE
        if question.is_guided:
            asked, patience = call < SEARCHED and not self.is_answered(number), GUIDED_PATIENCE
        if not asked or self.spent[number] > patience:
            return
        started = time.process_time()
        read = functools.partial(
            _evaluate, scope={**around, **inside}, owner=self.questions[number].owner
        )
        # What the texts do must not reach the program: neither failures nor random draws.
        drawn = np.random.get_state(), random.getstate()
        with suppress(Exception), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            value = read(question.own)
            if question.is_guided:
                self._meet(number, value, read)
                self._add(number, value, read)
            else:
                self._compare(number, value, read, started)
        np.random.set_state(drawn[0])
        random.setstate(drawn[1])
        self.spent[number] += time.process_time() - started

    def _is_asked_again(self, number: int) -> bool:
        """Whether an execution in the second iteration is looked at: the first, middle, and last.

        What is the same in the first layer need not be in the others.
        """
        at, count = self.again[number], self.once[number]
        return at < AGAIN or at in (count // 2, count - 1)

    def _meet(self, number: int, value: Any, read: Read) -> None:
        """Find the texts that give what the statement should have come to in this execution."""
        question, status = self.questions[number], self.status[number]
        if self.counts[number]:
            return
        # What a name only passes on may be meant to be another value than where it was made.
        wishes = [(k, v) for k, own, v in question.meant if _is_near(_part(value, k), own)]
        if not wishes:
            return
        self.counts[number] += 1
        for index, text in enumerate(question.others):
            other = read(text)
            if any(_is_near(_part(other, part), wanted) for part, wanted in wishes):
                status[index] = "meets"
        for part, wanted in wishes[:MOST_WISHES]:
            if part < 0 and "meets" not in status and not np.any(np.isnan(wanted)):
                self._put_together(number, value, wanted, read)

    def _put_together(self, number: int, value: Any, wanted: Any, read: Read) -> None:
        """Find the term that is missing from a value, or the product that it should be."""
        question = self.questions[number]
        values = {text: read(text) for text in question.values}
        sizes = [(t, float(v)) for t in question.sizes
                 if isinstance(v := read(t), int | float | np.integer)]  # fmt: skip
        sizes += [(t, float(v)) for t, v in values.items() if isinstance(v, float)]  # its strength
        rest = wanted - np.asarray(value, float)
        for place in openings(question.own, rest, read):
            self.made[number] += [
                f"{place.before}{text}{place.after}" for text in terms(place.part, values, sizes)
            ]
        self.made[number] += terms(wanted, values, sizes)

    def is_answered(self, number: int) -> bool:
        """Whether all that is known about a statement has been used."""
        question = self.questions[number]
        summed = not question.sums or self.added[number] >= len(question.sums[0][1])
        return summed and bool(self.counts[number] or not question.meant)

    def _add(self, number: int, value: Any, read: Read) -> None:
        """Add up the texts over the executions whose sum is known."""
        question, totals = self.questions[number], self.totals[number]
        for part, values, wanted in question.sums[:1]:
            done = self.added[number]
            if done >= len(values) or not _is_near(_part(value, part), values[done]):
                return
            for index, text in enumerate(question.others):
                if done and index not in totals:
                    continue
                other = _part(read(text), part)
                if _form(other) == wanted.shape:
                    totals[index] = other + totals.get(index, 0.0)
                else:
                    totals.pop(index, None)
            self.added[number] = done + 1
            if done + 1 == len(values):
                for index, total in totals.items():
                    if _is_near(total, wanted):
                        self.status[number][index] = "meets"

    def _compare(self, number: int, value: Any, read: Read, started: float) -> None:
        """Compare the values of the texts with the statement's own."""
        self.counts[number] += 1
        question, known = self.questions[number], self.status[number]
        wanted = read(question.target) if question.target else _Failure()
        misshapen = not isinstance(wanted, _Failure) and (
            isinstance(value, _Failure) or _form(value) != _form(wanted)
        )
        for index, text in enumerate(question.others):
            status = known[index]
            if status == "raises":
                continue
            if time.process_time() - started > PATIENCE:
                break
            other = read(text)
            if isinstance(other, _Failure):
                # What could be evaluated before is not out: a rehearsal tells more.
                known[index] = status or "raises"
                continue
            if question.inplace and not _fits_into(other, wanted):
                known[index] = status or "raises"
                continue
            if misshapen and _form(other) == _form(wanted):
                known[index] = "fits"
            elif not isinstance(value, _Failure) and _form(other) != _form(value):
                known[index] = "shape"
            elif status not in ("shape", "fits") and not _is_blank(value, other):
                same = not isinstance(value, _Failure) and _same(value, other)
                known[index] = "same" if same and status != "new" else "new"
            self.prints[number][index] += (_print(other),)


def _part(value: Any, position: int) -> Any:
    """Return a part of a tuple, or all of a value."""
    if position < 0:
        return value
    return value[position] if isinstance(value, tuple) and position < len(value) else None


def _is_near(value: Any, wanted: Any) -> bool:
    """Whether a value is the one wanted to rounding, wherever that is a number."""
    if not isinstance(value, NUMBERS):
        return False
    try:
        x = np.asarray(value, float)
    except (TypeError, ValueError):
        return False
    if x.shape != wanted.shape or not x.size:
        return False
    single = getattr(value, "dtype", None) in (np.float32, np.float16)
    known = ~np.isnan(wanted)
    gap = np.linalg.norm((x - wanted)[known])
    return bool(gap <= (1e-4 if single else EQUAL) * np.linalg.norm(wanted[known]))


class _Failure:
    """What an expression that raises is worth."""


def _evaluate(text: str, scope: dict[str, Any], owner: str) -> Any:
    try:
        return eval(_compiled(text, owner if "__" in text else ""), scope)
    except Exception:
        return _Failure()


@functools.cache
def _compiled(text: str, owner: str) -> CodeType:
    tree = ast.parse(f"(\n{text}\n)", mode="eval")
    for node in ast.walk(tree) if owner else ():
        if isinstance(node, ast.Attribute):
            node.attr = mangled(node.attr, owner)
        elif isinstance(node, ast.Name):
            node.id = mangled(node.id, owner)
    return compile(tree, "<candidate>", "eval")


def _form(value: Any) -> Any:
    if isinstance(value, tuple | list) and len(value) < 50:
        return tuple(_form(v) for v in value)
    if isinstance(value, dict) and len(value) < 50:
        return tuple((str(k), _form(v)) for k, v in value.items())
    if isinstance(value, np.ndarray | np.generic | float | int):
        return np.shape(value)
    return type(value).__name__


def _fits_into(value: Any, target: Any) -> bool:
    """Whether a value can be added to an array in place."""
    if not isinstance(target, np.ndarray) or not isinstance(value, np.ndarray):
        return True
    pairs = zip(value.shape[::-1], target.shape[::-1], strict=False)
    return value.ndim <= target.ndim and all(n in (1, m) for n, m in pairs)


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
        if not isinstance(value, NUMBERS):
            raise TypeError
        array = np.asarray(value, float)
        weights = np.cos(np.arange(array.size)).reshape(array.shape)
        sums = float(np.nansum(array)), float(np.nansum(array * weights))
        return array.shape, *(f"{total:.10g}" for total in sums)
    except Exception:
        return f"unknown {next(_NUMBERS)}"


_NUMBERS = itertools.count()


def sieve(
    candidates: list[Candidate], counts: list[int], status: list[list[str]],
    prints: list[list[Any]], places: dict[int, tuple[int, int]],
    twins: dict[tuple[Edit, ...], list[Candidate]] | None = None,
) -> list[Candidate]:  # fmt: skip
    """Return the candidates worth a trial, cheapest first; equal values once.

    Parameters
    ----------
    places : dict of position to (statement, index)
        Where candidates were probed, as far as they could be.
    twins : dict of edits to candidates, optional
        Filled with those left out since another had their values in the executions looked at. (A
        sample whose label is 0 does not tell a sum from a difference.)
    """
    kept: list[Candidate] = []
    seen: dict[Any, tuple[Edit, ...]] = {}
    order = sorted(range(len(candidates)), key=lambda i: candidates[i].price)
    for i in order:
        candidate, place = candidates[i], places.get(i)
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
            if twins is not None:
                twins.setdefault(seen[key], []).append(candidate)
            continue
        seen[key] = candidate.edits
        extra = {"shape": 0.6, "": 0.3, "fits": -1.0}.get(verdict, 0.0)
        kept.append(replace(candidate, price=candidate.price + extra))
    return sorted(kept, key=lambda c: c.price)
