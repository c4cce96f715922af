"""A step that differs from the others by a size or by the shared learning rate (BP102).

Learning rates of one's own are legal: `lr_b = 10 * lr`, a literal. It is none where the update has
no number of its own: it lacks `len(batch)` or the rate that the others have, or has it twice.
"""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from backproof.arithmetic import DIVIDE, MULTIPLY, NEGATE, is_in, keeps
from backproof.carries import dependence
from backproof.checks.advice import advise
from backproof.checks.cause.aliased import named_at
from backproof.checks.claims import operand_texts
from backproof.checks.gradient import StepEvidence
from backproof.checks.places import statement_of
from backproof.checks.rateless import called, rateless, scaled
from backproof.descent import CLIPPING
from backproof.finding import Finding
from backproof.roles import Parameter
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Ref, Tape

#: Rates that differ by less than this are equal.
EQUAL = 1e-6


@dataclass(slots=True)
class Pace:
    """How fast one parameter follows its gradient: ``Δ = rate · gradient``, and from what numbers.

    `floats` are the objects of the floats in the factor, `sizes` its integers that no literal
    gives.
    """

    index: int
    rate: float
    floats: dict[int, float] = field(default_factory=dict)
    sizes: set[int] = field(default_factory=set)
    literal: bool = False


class Rates:
    """Fed with every judged step of a run, asked for findings at its end."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[Finding, int]] = {}
        self.compared: Counter[str] = Counter()
        """In how many steps a parameter's gradient was right, and not zero, among others."""

    def look(self, evidence: StepEvidence) -> None:
        """Compare the paces of a judged step."""
        chosen = () if evidence.fit is None else evidence.fit.chosen
        if len(chosen) > 1:
            self.compared.update(evidence.params[i].name for i in chosen)
        for name, finding in odd(evidence):
            _, count = self.found.get(name, (finding, 0))
            self.found[name] = (finding, count + 1)

    def findings(self) -> Iterator[Finding]:
        """Say which steps have another size than the rest, wherever they were compared."""
        together: dict[tuple[str, int, str], list[Finding]] = {}
        for name, (finding, count) in self.found.items():
            if count >= min(2, self.compared[name]):
                key = (finding.file, finding.span.line, finding.message)
                together.setdefault(key, []).append(finding)
        for members in together.values():
            names = [str(n) for f in members for n in f.evidence["parameters"]]
            shown = ", ".join(f"`{n}`" for n in names[:4]) + (" …" if len(names) > 4 else "")
            one = f"`{names[0]}`"
            title = members[0].title.replace(one, shown, 1)
            evidence = {**members[0].evidence, "parameters": names}
            yield replace(members[0], title=title, evidence=evidence)


def odd(evidence: StepEvidence) -> Iterator[tuple[str, Finding]]:
    """Yield the parameters of a step whose pace a lost or doubled factor explains."""
    fit = evidence.fit
    if fit is None or fit.wrong or len(fit.chosen) < 2:
        return
    olds = dict.fromkeys((n for p in evidence.params for n in p.old), 1)
    depends = dependence(evidence.tape, olds, 0, len(evidence.tape.operations))
    paces = [p for i in fit.chosen if (p := pace(evidence, i, depends)) is not None]
    groups: list[list[Pace]] = []
    for each in sorted(paces, key=lambda p: abs(p.rate)):
        if groups and abs(each.rate / groups[-1][0].rate - 1) < EQUAL:
            groups[-1].append(each)
        else:
            groups.append([each])
    if not paces:
        for index, other, name, rate in rateless(evidence):
            reason = f"it lacks the factor `{name}` that the others have"
            yield _report(evidence, index, other, reason, 1.0, rate, name)
    if len(groups) < 2:
        return
    # Most are right; where it is one against one, the slow one: it is a division that is forgotten.
    # Of two sizes the smaller is that of the batch, the other one that of all data.
    usual = max(groups, key=lambda group: (len(group), _divides_less(group[0], groups)))
    for group in groups:
        for each in group if group is not usual else ():
            reason = explanation(each, usual[0])
            if reason:
                lost = each.rate / usual[0].rate if "lacks the factor" in reason else 0.0
                name = called(evidence, usual[0].index, 1 / lost) if lost else ""
                pair = (each.index, usual[0].index)
                yield _report(evidence, *pair, reason, each.rate, usual[0].rate, name)


def _divides_less(one: Pace, groups: list[list[Pace]]) -> bool:
    """Whether a step is divided by a size, and another one by a larger one."""
    others = [size for group in groups for size in group[0].sizes - one.sizes]
    return bool(one.sizes and others) and min(others) > max(one.sizes)


def explanation(one: Pace, other: Pace) -> str:
    """Say which factor makes the difference, '' where it is a rate of its own."""
    ratio = abs(one.rate / other.rate)
    for size in sorted(one.sizes & other.sizes):
        if abs(ratio / size**2 - 1) < EQUAL:
            return f"it is multiplied by {size}, the others are divided by it"
    if one.literal or set(one.floats) - set(other.floats) or one.rate * other.rate <= 0:
        return ""
    for size in sorted(other.sizes - one.sizes):
        if abs(ratio / size - 1) < EQUAL:
            return f"it lacks the division by {size} that the others have"
        if abs(ratio * size - 1) < EQUAL:
            return f"it lacks the factor {size} that the others have"
    for size in sorted(one.sizes - other.sizes):
        if abs(ratio * size - 1) < EQUAL:
            return f"it is divided by {size}, the others are not"
        if abs(ratio / size - 1) < EQUAL:
            return f"it is multiplied by {size}, the others are not"
    for own in sorted(one.sizes - other.sizes):
        for size in sorted(other.sizes - one.sizes):
            if abs(ratio * own / size - 1) < EQUAL:
                return f"it is divided by {own}, the others by {size}"
    for key, value in other.floats.items():
        if key not in one.floats and abs(ratio * abs(value) - 1) < EQUAL:
            return f"it lacks the factor {value:g} that the others have"
        if key in one.floats and abs(ratio / abs(value) - 1) < EQUAL and abs(value) != 1:
            return f"it has the factor {value:g} twice, the others once"
    return ""


def pace(evidence: StepEvidence, index: int, depends: dict[int, int]) -> Pace | None:
    """Return how fast a parameter follows its gradient; None where that is not one factor."""
    assert evidence.fit is not None
    parameter = evidence.params[index]
    level, scale, _ = evidence.fit.chosen[index]
    if level < 0 or level >= len(parameter.levels):
        return None
    while level and parameter.levels[level].factor is None:
        above = evidence.tape.producer(parameter.levels[level - 1].nodes[0])
        clips = above is not None and is_in(above.function, CLIPPING)
        values = [parameter.levels[n].value(evidence.run) for n in (level - 1, level)]
        if not clips and (values[0] is None or not np.array_equal(*values)):
            return None
        level -= 1  # what is left as it is has the factor above it
    factor = parameter.levels[level].factor
    if factor is None or not np.isfinite(factor * scale) or not factor * scale:
        return None
    found = Pace(index, factor * scale)
    _gather(evidence.tape, parameter, found, depends)
    return found


def _gather(tape: Tape, parameter: Parameter, found: Pace, depends: dict[int, int]) -> None:
    """Collect the numbers of which a parameter's factor is made."""
    for level in parameter.levels:
        operation = tape.producer(level.nodes[0])
        if operation is None or level.factor is None:
            break
        below = {n for other in parameter.levels for n in other.nodes}
        function = operation.function
        if keeps(operation) or not _is_scaling(function):
            continue
        for argument in operation.args:
            if type(argument) is Ref and (argument.node in below or argument.node in depends):
                continue
            _numbers(tape, argument, operation.where, found)


def _is_scaling(function: Any) -> bool:
    try:
        return function in MULTIPLY or function in DIVIDE or function in NEGATE
    except TypeError:
        return False


def _numbers(tape: Tape, value: Any, where: Site, found: Pace, depth: int = 6) -> None:
    """Collect the leaves of a scalar factor."""
    if type(value) is not Ref:
        counts = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if counts and abs(int(value)) > 1:
            found.sizes.add(abs(int(value)))
            found.literal = found.literal or _is_written(value, where)
        return
    obj = tape.nodes[value.node].obj
    if np.size(obj) != 1 or depth == 0:
        return
    operation = tape.producer(value.node)
    if operation is None:
        number = float(np.asarray(obj).reshape(-1)[0])
        if number == round(number) and abs(number) > 1:
            found.sizes.add(abs(int(number)))
        found.floats[id(obj)] = number
        written = type(obj) is float and abs(number) != 1 and _is_written(obj, where)
        found.literal = found.literal or written
        return
    if operation.function is operator.getitem:
        found.floats[id(obj)] = float(np.asarray(obj).reshape(-1)[0])  # the weight of a sample
        return
    for argument in operation.args:
        _numbers(tape, argument, operation.where, found, depth - 1)


def _is_written(number: Any, where: Site) -> bool:
    """Whether a number stands in the expression itself."""
    texts = re.findall(r"(?<![\w.])\d+\.?\d*(?:[eE][+-]?\d+)?", where.text)
    return any(float(t) == abs(float(number)) for t in texts)


def _report(
    evidence: StepEvidence, index: int, other: int, reason: str, rate: float, usual: float,
    name: str = "",
) -> tuple[str, Finding]:  # fmt: skip
    tape = evidence.tape
    parameter, beside = evidence.params[index], evidence.params[other]
    index, delta = parameter.updates[-1].merges[-1]
    site = tape.operations[index].where
    named = named_at(tape, tape.operations[index], operand_texts(tape.operations[index]), delta)
    if named is not None and "lacks" in reason:
        site = SITES[named[1]]  # ``step_b = gradient``, where others are multiplied by a rate
    merge = tape.operations[beside.updates[-1].merges[-1][0]].where
    ratio = abs(rate / usual)
    return parameter.name, advise(
        "BP102", "missing-factor" if "lacks" in reason else "extra-factor", statement_of(site),
        f"the step of `{parameter.name}` is {ratio:.4g} times that of the others: {reason}",
        f"scale it as the update of `{beside.name}` does",
        {
            "parameters": [parameter.name], "ratio": ratio, "rate": abs(rate),
            "rate_of_the_others": abs(usual), "step": evidence.step, "rule": "rate",
            **(scaled(site, name) if name else {}),
        },
        severity="error", confidence="proven",
        related=[(statement_of(merge), "definition", "for comparison")],
        notes=(
            f"{parameter.name}: moves by {abs(rate):.4g} of its gradient, {beside.name} by "
            f"{abs(usual):.4g} of its own",
        ),
    )  # fmt: skip
