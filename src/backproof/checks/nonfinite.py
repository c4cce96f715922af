"""BP201 first-non-finite: the operation that made the first NaN or infinity, and the chain behind.

The producer is told from what only spreads the value (inf · 0, inf − inf, NaN in), counted and
quoted with its operands; then one affected element is followed down through elementwise operations
to something the author can act on, and forward to the parameters and the cost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.checks.origin import (
    Link,
    Origin,
    affected,
    argument,
    at,
    descend,
    name_of,
    origin_of,
    path_of,
    sinks,
)  # fmt: skip
from backproof.checks.stable import log_of_product, stable_form
from backproof.finding import Finding, Fix, Related
from backproof.names import Names
from backproof.trace import primitives
from backproof.trace.alive import is_sound
from backproof.trace.event import Event
from backproof.trace.primitives import Method
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Ref, Tape, build
from backproof.updates import Update

__all__ = ["Prehistory", "explain", "sinks"]

#: Parameters that grew by this factor over the recorded steps diverge.
DIVERGED = 1e3


class Prehistory:
    """Non-finite values made before the training loop: kept until one of them does harm."""

    def __init__(self) -> None:
        self.findings: dict[int, Finding] = {}
        self._alive: list[Any] = []

    def add(self, log: Sequence[Event]) -> None:
        """Look through events that are about to be forgotten."""
        bad = [event[4] for event in log if not is_sound(event[4])]
        if not bad or len(self.findings) > 200:
            return
        tape = build(log, 0, len(log))
        nodes = {o.out: None for o in tape.operations if not is_sound(tape.value(o.out))} | {
            n.index: None for n in tape.nodes if n.kind == "draw" and not is_sound(n.obj)
        }
        spread: list[tuple[set[int], Finding]] = []
        for node in nodes:
            obj = tape.nodes[node].obj
            key = _identity(obj)
            if key in self.findings:
                continue
            from_known = next((made for reached, made in spread if node in reached), None)
            if from_known is not None:
                self.findings[key] = from_known
                self._alive.append(obj)
                continue
            path = path_of(tape, [node])
            origin = origin_of(tape, path, marks=True)
            known = origin is not None and self.of(tape.nodes[origin.node].obj)
            if isinstance(known, Finding) and origin is not None and origin.operation is None:
                self.findings[key] = known
            elif origin is not None:
                made = _finding(tape, origin, path, (), -1, [])
                if made is not None:
                    spread.append((tape.reach([origin.node]), made))
                    self.findings[key] = made
                    self._alive.append(obj)

    def of(self, obj: Any) -> Finding | None:
        """Return how the non-finite values of an object came about."""
        return self.findings.get(_identity(obj))


def _identity(obj: Any) -> int:
    return id(primitives.owner_of(obj)) if isinstance(obj, np.ndarray) else id(obj)


def explain(
    tape: Tape, updates: Sequence[Update], ends: Sequence[int], step: int,
    prehistory: Prehistory, growth: Sequence[tuple[int, float]],
) -> Finding | None:  # fmt: skip
    """Explain the non-finite values `ends` of a recorded step; None where they are meant so.

    Parameters
    ----------
    ends : sequence of int
        Nodes from `sinks`.
    prehistory : Prehistory
        What was made before the training loop.
    growth : sequence of (step, largest parameter)
        Over the steps recorded so far.
    """
    path = path_of(tape, ends)
    origin = origin_of(tape, path)
    if origin is None:
        return None
    if origin.kind == "given":
        known = prehistory.of(tape.nodes[origin.node].obj)
        if known is not None:
            return known
        if not updates and not _reaches_scalar(tape, ends):
            return None
    return _finding(tape, origin, path, updates, step, growth)


def _reaches_scalar(tape: Tape, ends: Sequence[int]) -> bool:
    return any(np.size(tape.nodes[node].obj) == 1 for node in ends)


# ---- the finding -------------------------------------------------------------------------------


def _finding(
    tape: Tape, origin: Origin, path: set[int], updates: Sequence[Update], step: int,
    growth: Sequence[tuple[int, float]],
) -> Finding | None:  # fmt: skip
    when = f"at step {step}" if step >= 0 and updates else "before training" if step < 0 else ""
    site, what = _site_of(tape, origin, path)
    if site is None:
        return None
    value = np.asarray(tape.value(origin.node), dtype=float)
    places = affected(value)
    first = tuple(int(i) for i in places[0]) if len(places) else ()
    evidence: dict[str, Any] = {
        "step": step, "elements": len(places), "of": int(value.size),
        "shape": list(value.shape), "first": list(first),
        "dtype": str(getattr(tape.value(origin.node), "dtype", "float")),
        "nan": int(np.isnan(value).sum()), "inf": int(np.isinf(value).sum()),
    }  # fmt: skip
    if origin.kind == "given" and step >= 0:
        evidence["given"] = True
    notes: list[str] = []
    related: list[Related] = []
    fix: Fix | None = None
    cause = what or "holds values that are not finite"
    message = ""
    if origin.kind != "given" and origin.operation is not None:
        cause, links = _cause(tape, origin.operation, value, first, evidence)
        names = Names({s.file.path for s in SITES})
        notes.extend(_chain(tape, links, names))
        related.extend(_definitions(links, site))
        stable = stable_form(tape, links, tape.reach([origin.node]) & path, names)
        stable = stable or log_of_product(tape, origin.operation)
        if stable is not None:
            message = f"write `{stable.text}` (line {stable.line})"
            notes.extend(stable.notes)
            evidence["stable"] = stable.text
    counted = _count(places, value)
    if counted:
        notes.insert(0, counted)
    forward = _forward(tape, origin, path, site, updates)
    related.extend(forward)
    notes.extend(_spread(tape, origin, path, updates, forward))
    diverges = _divergence(tape, updates, step, growth)
    if diverges and evidence.get("overflow"):
        cause = f"{diverges}: {cause}"
        message = (
            "the true value is beyond the range of the floats: the iterates diverge, the formula "
            "is not to blame"
        )
        evidence["diverges"] = True
    if origin.operation is None and updates:
        evidence["given"] = True  # by a step before that was not recorded
    title = f"first non-finite value {when}: ".replace(" :", ":") + f"`{_short(site.text)}` {cause}"
    if diverges and evidence.get("overflow"):
        title = f"training diverges: {cause.removeprefix('training diverges: ')}"
    return Finding(
        code="BP201",
        cause="numeric-nonfinite",
        severity="error",
        title=title,
        message=message or f"`{_short(site.text)}` {cause}",
        file=site.file.path,
        span=site.span,
        expression=site.text,
        evidence=evidence,
        related=tuple(related),
        fix=fix,
        confidence="proven",
        notes=tuple(notes),
    )


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else flat[:57] + "…"


def _site_of(tape: Tape, origin: Origin, path: set[int]) -> tuple[Site | None, str]:
    """Return where the value is made; a given one is shown where it is first read."""
    if origin.operation is not None:
        return origin.operation.where, ""
    event = tape.nodes[origin.node].event
    obj = tape.nodes[origin.node].obj
    name = Names({s.file.path for s in SITES}).path(obj)
    count = len(affected(obj))
    held = f"reads `{name}`, which holds" if name else "reads an array that holds"
    for operation in tape.operations:
        if origin.node in operation.inputs and (operation.out in path or event < 0):
            return operation.where, f"{held} {count} non-finite values from the start"
    return None, ""


def _cause(
    tape: Tape, operation: Operation, value: np.ndarray[Any, Any], first: tuple[int, ...],
    evidence: dict[str, Any],
) -> tuple[str, list[Link]]:  # fmt: skip
    """Say what the producing operation did at its first affected element."""
    name = name_of(operation.function)
    result = float(value[first])
    args = [argument(tape, a) for a in operation.args]
    numbers = [at(a, first, value.shape) for a in args]
    texts = _texts(operation)
    evidence["operands"] = {
        (texts[i] if i < len(texts) else f"operand {i}"): n
        for i, n in enumerate(numbers) if n is not None
    }  # fmt: skip
    evidence["value"] = result
    critical = 0
    a = numbers[0] if numbers else None
    b = numbers[1] if len(numbers) > 1 else None
    if name in ("truediv", "divide", "true_divide") and a is not None and b is not None:
        critical = 1
        cause = f"divides {show(a)} by {show(b)}, which is {show(result)}"
        evidence["overflow"] = b != 0
    elif name in ("log", "log2", "log10", "log1p") and a is not None:
        kind = "a negative number" if a < 0 else "zero"
        cause = f"takes the logarithm of {kind} ({show(a)}), which is {show(result)}"
        if name == "log1p":
            cause = f"takes log1p of {show(a)}, which is {show(result)}"
    elif name in ("exp", "expm1", "exp2", "cosh", "sinh") and a is not None:
        cause = f"overflows: {name} of {show(a)} is beyond the largest {evidence['dtype']}"
        evidence["overflow"] = True
    elif name == "sqrt" and a is not None:
        cause = f"takes the square root of a negative number ({show(a)}), which is nan"
    elif name in ("pow", "power") and a is not None and b is not None:
        cause = f"raises {show(a)} to the power {show(b)}, which is {show(result)}"
        evidence["overflow"] = a != 0 and not math.isnan(result)
    elif name == "mean" and args and np.size(args[0]) == 0:
        cause = "takes the mean of nothing, which is nan"
    elif math.isinf(result):
        cause = f"overflows: the result is beyond the largest {evidence['dtype']}"
        evidence["overflow"] = True
    elif evidence.get("operands"):
        shown = ", ".join(f"`{k}` = {show(v)}" for k, v in evidence["operands"].items())
        cause = f"gives {show(result)} from {shown}"
    else:
        cause = f"gives {show(result)}"
    links: list[Link] = []
    if critical < len(operation.args) and type(operation.args[critical]) is Ref:
        node = operation.args[critical].node
        if numbers[critical] is not None:
            place = np.shape(tape.value(node))
            index = first[len(value.shape) - len(place) :]
            index = tuple([0 if n == 1 else i for n, i in zip(place, index, strict=True)])
            links = descend(tape, node, index)
    return cause, links


def _texts(operation: Operation) -> tuple[str, ...]:
    """Return the texts of the operands (`np` in ``np.log(x)`` is none)."""
    where = operation.where
    if where.kind == "method" and not isinstance(operation.function, Method):
        return where.operands[1:]
    return where.operands


def show(number: float) -> str:
    """Return a number as in a sentence."""
    if number == int(number) if math.isfinite(number) and abs(number) < 1e6 else False:
        return str(int(number))
    return f"{number:.4g}"


def _count(places: np.ndarray[Any, Any], value: np.ndarray[Any, Any]) -> str:
    if value.size == 1:
        return ""
    shown = ", ".join("[" + ",".join(str(int(i)) for i in p) + "]" for p in places[:3])
    more = " …" if len(places) > 3 else ""
    return f"{len(places)} of {value.size} elements are not finite: {shown}{more}"


def _chain(tape: Tape, links: Sequence[Link], names: Names) -> list[str]:
    """Describe the values behind the operand that decides, from it down."""
    parts: list[str] = []
    for link in links:
        if link.operation is None:
            name = names.path(tape.nodes[link.node].obj)
            place = "[" + ",".join(map(str, link.index)) + "]" if link.index else ""
            text = f"{name}{place}" if name else "a value made before"
        else:
            text = _short(link.operation.where.text)
            if not text or name_of(link.operation.function) == "strided_view":
                continue
        part = f"`{text}` = {show(link.value)}"
        if not parts or parts[-1] != part:
            parts.append(part)
    if not parts:
        return []
    line = links[0].operation.where.span.line if links[0].operation is not None else 0
    where = f" (line {line})" if line else ""
    return ["there " + ", from ".join(parts[:6]) + where]


def _definitions(links: Sequence[Link], site: Site) -> list[Related]:
    found: dict[int, Related] = {}
    for link in links:
        if link.operation is None:
            continue
        where = link.operation.where
        if where.span.line != site.span.line and where.span.line not in found:
            found[where.span.line] = Related(where.span, "definition", where.text, where.file.path)
    return list(found.values())[:5]


def _forward(
    tape: Tape, origin: Origin, path: set[int], site: Site, updates: Sequence[Update]
) -> list[Related]:
    """Return the statements through which the value reaches parameters and cost."""
    reached = tape.reach([origin.node]) & path
    found: dict[int, Related] = {}
    for operation in tape.operations:
        where = operation.where
        if operation.out not in reached or operation.out == origin.node:
            continue
        if (where.is_value and where.targets) or operation.mutates:
            line = where.span.line
            if line != site.span.line and line not in found:
                found[line] = Related(where.span, "consequence", where.text, where.file.path)
    return list(found.values())[:6]


def _spread(
    tape: Tape, origin: Origin, path: set[int], updates: Sequence[Update],
    forward: Sequence[Related],
) -> list[str]:  # fmt: skip
    """Say where an infinity becomes a NaN, and what it reaches."""
    notes: list[str] = []
    reached = tape.reach([origin.node]) & path
    value = np.asarray(tape.value(origin.node), dtype=float)
    if not np.isnan(value).all():
        for operation in tape.operations:
            if operation.out not in reached or operation.out == origin.node:
                continue
            out = np.asarray(tape.value(operation.out), dtype=float)
            inputs = [np.asarray(tape.value(n)) for n in operation.inputs if n in path]
            if np.isnan(out).any() and not any(np.isnan(i).any() for i in inputs):
                kind = {"mul": "inf · 0", "multiply": "inf · 0", "sub": "inf − inf",
                        "subtract": "inf − inf", "add": "inf − inf", "sum": "inf − inf",
                        "truediv": "inf / inf", "divide": "inf / inf"}.get(
                            name_of(operation.function), "arithmetic with inf")  # fmt: skip
                where = operation.where
                notes.append(
                    f"`{_short(where.text)}` (line {where.span.line}) turns it into NaN: {kind}"
                )
                break
    spoilt = [u for u in updates if u.new in reached]
    if spoilt:
        names = Names({s.file.path for s in SITES})
        shown = ", ".join(dict.fromkeys(f"`{names.of(tape, [update])}`" for update in spoilt[:6]))
        lines = ", ".join(str(r.span.line) for r in forward)
        notes.append(f"it reaches {shown}" + (f" (lines {lines})" if lines else ""))
    return notes


def _divergence(
    tape: Tape, updates: Sequence[Update], step: int, growth: Sequence[tuple[int, float]]
) -> str:
    """Say how the parameters grew over the recorded steps, if by orders of magnitude."""
    if not updates or not growth:
        return ""
    now = 0.0
    for update in updates:
        old = np.asarray(tape.value(update.old), dtype=float)
        if old.size and np.isfinite(old).all():
            now = max(now, float(np.abs(old).max()))
    # Weights that start at zero have grown from what the first steps made of them.
    start, before = next((entry for entry in growth if entry[1] > 0), (step, now))
    if before <= 0 or now / before < DIVERGED:
        return ""
    return (
        f"training diverges: the largest parameter grew from {before:.3g} at step {start} to "
        f"{now:.3g} at step {step}"
    )
