"""A gradient that is right, of which its step takes another multiple than the others do.

``v = β * v + dW`` beside ``v = β * v + (1 - β) * db``: what is at fault stands between the gradient
and the update.
"""

from __future__ import annotations

import numpy as np

from backproof.checks.cause.blamed import Blamed
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.edits.edit import short
from backproof.checks.rateless import called
from backproof.checks.scales import SAME


def paced(blamed: Blamed) -> Diagnosis | None:
    """Return the statement at which a step becomes another multiple of its gradient."""
    evidence, fit = blamed.evidence, blamed.fit
    index = blamed.fault.repaired[0]
    match, parameter = fit.matches[index], evidence.params[index]
    others = {i: s * factor for i, (level, s, _) in fit.chosen.items()
              if (factor := evidence.params[i].factor(level)) is not None}  # fmt: skip
    formed = [
        level for level, s, _ in match.scales
        if level > 0 and abs(s / fit.scale - 1) < SAME and parameter.factor(level) is not None
    ]  # fmt: skip
    if not others or not formed:
        return None
    usual, level = float(np.median(list(others.values()))), formed[0]
    ratio = fit.scale * (parameter.factor(level) or 0.0) / usual
    alike = all(abs(pace / usual - 1) < SAME for pace in others.values())
    made = blamed.tape.producer(parameter.levels[level - 1].nodes[0])
    if not alike or ratio <= 0 or abs(ratio - 1) < SAME or made is None:
        return None
    gradient = blamed.text(parameter.levels[level].nodes[0])
    name = next((text for i in others if (text := called(evidence, i, 1 / ratio))), "")
    many = f"{ratio:.4g} times" if ratio > 1 else f"1/{1 / ratio:.4g} of"
    reason = f"its step is {many} that of the others: "
    reason += f"`{short(made.where.text)}` "
    reason += f"lacks the factor `{name}` that they have" if name else "makes the difference"
    return blamed.finding(
        "BP102", "missing-factor" if name or ratio > 1 else "extra-factor", reason,
        f"multiply `{gradient}` by `{name}`" if name else
        f"{'divide' if ratio > 1 else 'multiply'} by {max(ratio, 1 / ratio):.4g}, as the others do",
        site=made.where, evidence={"ratio": ratio},
    )  # fmt: skip
