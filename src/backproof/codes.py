"""The closed registry of codes: what a finding can be. One page each in ``explain/``."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

#: Families, in the order of triage: advice on training is noise while a gradient is wrong.
FAMILIES = {
    "BP1": "gradients",
    "BP2": "numbers",
    "BP3": "training",
    "BP4": "data",
}


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding.

    Attributes
    ----------
    code : str
        ``BP101``
    name : str
        ``wrong-gradient``
    severity : {'error', 'warning', 'note'}
        What it usually is; a finding may be milder.
    meaning : str
        One line.
    """

    code: str
    name: str
    severity: str
    meaning: str

    @property
    def family(self) -> str:
        """What the code is about, in a word."""
        return FAMILIES[self.code[:3]]


CODES: dict[str, Code] = {
    code: Code(code, name, severity, meaning)
    for code, name, severity, meaning in (
        ("BP101", "wrong-gradient", "error",
         "an expression of the backward pass is not what the chain rule gives"),
        ("BP102", "inconsistent-scale", "error",
         "gradients of different parameters carry different factors"),
        ("BP103", "gradient-of-another-cost", "warning",
         "the gradients are right, but for another cost than the one the program reports"),
        ("BP104", "update-ascends", "error",
         "the update moves the parameters up the cost, or forgets their old value"),
        ("BP105", "read-after-update", "error",
         "the backward pass reads a value that was changed since the forward pass"),
        ("BP106", "gradient-not-reset", "error",
         "a gradient still holds what earlier steps added to it"),
        ("BP107", "parameter-not-trained", "error",
         "no update reaches a parameter that the cost depends on"),
        ("BP108", "silent-broadcast", "error",
         "shapes such as (n,) and (n, 1) broadcast to a matrix that nobody meant"),
        ("BP109", "vacuous-gradient", "note",
         "a gradient is zero in every judged step, so that nothing was verified"),
        ("BP201", "first-non-finite", "error",
         "the operation that made the first NaN or infinity"),
        ("BP202", "unstable-formula", "warning",
         "the true value is finite, but the formula loses it in floating point"),
        ("BP203", "loss-of-precision", "warning",
         "most digits of a value are rounding error"),
        ("BP301", "step-too-large", "warning",
         "the learning rate exceeds 2/λ, λ being the sharpest curvature of the cost"),
        ("BP302", "step-too-small", "warning",
         "the parameters hardly move"),
        ("BP303", "symmetric-initialisation", "warning",
         "units of a layer start equal and stay equal"),
        ("BP304", "saturated-units", "warning",
         "units sit where their activation is flat and pass almost no gradient"),
        ("BP305", "dead-relu", "warning",
         "ReLU units are zero for every sample and can never recover"),
        ("BP306", "vanishing-or-exploding", "warning",
         "gradients shrink or grow by orders of magnitude from layer to layer or step to step"),
        ("BP307", "cannot-overfit-a-batch", "warning",
         "the program cannot fit even a few samples"),
        ("BP401", "inputs-not-scaled", "warning",
         "inputs have very large or very different ranges"),
        ("BP402", "labels-outside-the-cost's-domain", "error",
         "labels take values for which the cost is not defined"),
        ("BP403", "inputs-and-labels-misaligned", "error",
         "rows of the inputs no longer belong to rows of the labels"),
        ("BP404", "integer-arithmetic", "error",
         "an integer array truncates or wraps around what is stored in it"),
        ("BP405", "one-class-prediction", "warning",
         "the program predicts the same class for every sample"),
    )
}  # fmt: skip


class UnknownCode(ValueError):
    """There is no such code; the message says which, and what may have been meant."""


def find(text: str) -> Code:
    """Return the code that `text` gives by number or by name.

    Raises
    ------
    UnknownCode
        With the nearest codes.
    """
    wanted = text.strip()
    if (code := CODES.get(wanted.upper())) is not None:
        return code
    for code in CODES.values():
        if code.name == wanted.lower():
            return code
    raise UnknownCode(f"unknown code {wanted!r}{_suggestion(wanted)}")


def parse(text: str) -> frozenset[str]:
    """Return the codes of a comma list; ``BP1`` or ``BP1xx`` stands for its whole family.

    Raises
    ------
    UnknownCode
        If an entry names nothing.
    """
    chosen: set[str] = set()
    for entry in (part.strip() for part in text.split(",")):
        family = entry.upper().removesuffix("XX")
        if family in FAMILIES:
            chosen.update(code for code in CODES if code.startswith(family))
        elif entry:
            chosen.add(find(entry).code)
    if not chosen:
        raise UnknownCode("no code was given")
    return frozenset(chosen)


def _suggestion(wanted: str) -> str:
    names = {code.name: code.code for code in CODES.values()}
    near = difflib.get_close_matches(wanted.upper(), CODES, n=3, cutoff=0.75)
    near += [names[n] for n in difflib.get_close_matches(wanted.lower(), names, n=2, cutoff=0.6)]
    if not near:
        return "; `backproof explain` lists all codes"
    *others, last = dict.fromkeys(near)
    return f"; did you mean {', '.join(others)} or {last}?" if others else f"; did you mean {last}?"
