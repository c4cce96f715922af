"""Parameters that no update reaches (BP107), found over all judged steps of a run.

A value that the cost depends on and that stays as it is while its neighbours are trained: its
update is bound to another name, it is left out of the loop over the parameters, its gradient stays
zero. Frozen values, inputs and labels are none: a finding needs an update that was meant (a step
that is computed and dropped, a gradient that nothing uses, an update that does nothing).
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np

from backproof.checks.gradient import StepEvidence
from backproof.checks.neglect import Step
from backproof.checks.untrained import RANK, REACHED, Untrained, rooted
from backproof.finding import Finding, Related
from backproof.trace.site import SITES
from backproof.updates import Update, is_shared

#: Words with which authors say that something is meant to stay as it is.
MEANT = re.compile(
    r"freez\w*|frozen|\w*trainable\w*|requires_grad|stop_grad\w*|detach\w*|reservoir|random[ _]feat"
    r"|pre-?trained|teacher\w*|fine[- _]?tun|transfer learning|not trained|untrained|never trained"
    r"|(stays?|kept|held|remains?) (fixed|constant)|fixed (weights?|random|projection|embedding)"
    r"|lottery|target_net|extreme learning", re.I,
)  # fmt: skip

#: Entries of an array that are no multiple of others by chance.
LEAST_ENTRIES = 3


class Reach:
    """Fed with every judged step of a run, asked for findings at its end.

    With `few`, of a further training, of which few steps are judged: what is only alike is none.
    """

    def __init__(self, *, few: bool = False) -> None:
        self.few = few
        self.found: dict[str, Untrained] = {}
        self.moved: set[str] = set()
        self.steps: set[int] = set()

    # ---- one step ------------------------------------------------------------------------------

    def look(self, evidence: StepEvidence, updates: Sequence[Update]) -> None:
        """Look for values that a judged step should have updated."""
        fit = evidence.fit
        if fit is None or not fit.chosen or fit.adjoint is None or evidence.unfaithful:
            return
        self.steps.add(evidence.step)
        for name, known in self.found.items():
            if not self._stays(evidence, name, known):
                self.moved.add(name)
        for found in Step(evidence, updates).untrained():
            known = self.found.setdefault(found.name, found)
            known.steps.add(evidence.step)
            if RANK.index(found.rule) < RANK.index(known.rule):
                found.steps |= known.steps
                self.found[found.name] = found

    def _stays(self, evidence: StepEvidence, name: str, known: Untrained) -> bool:
        if known.rule in REACHED or known.called:
            return True
        path = evidence.names.path(known.obj)
        return path is not None and bool(np.array_equal(rooted(known.obj), known.before))

    # ---- the end -------------------------------------------------------------------------------

    def findings(self) -> Iterator[Finding]:
        """Say what no update reached in the whole run."""
        groups: dict[tuple[str, str, int, int], list[Untrained]] = {}
        enough = 2 if len(self.steps) > 2 else len(self.steps)
        for name, known in self.found.items():
            if name in self.moved or not self._unmoved(known):
                continue
            if known.rule in ("blank", "computed", "bias", "random") and is_meant():
                continue
            if self.few and known.rule in ("bias", "random"):
                continue
            rule = "computed" if known.rule == "random" and known.neighbours else known.rule
            span = known.place.span
            group = groups.setdefault((rule, known.place.file.path, *span.start), [])
            if not any(other.obj is known.obj for other in group):  # else by another name
                group.append(known)
        for members in groups.values():
            # A constant such as 0.0 may stand in several places in some of the steps.
            always = members[0].rule in REACHED or is_shared(members[0].obj)
            least = max(enough, len(self.steps) // 2 if always else 0)
            if max(len(m.steps) for m in members) >= least or any(map(_is_no_chance, members)):
                yield _finding(members)

    def settle(self, findings: dict[tuple[str, int], Finding]) -> None:
        """Put the findings of the run with the others; what they explain is left out."""
        for found in self.findings():
            if found.evidence["rule"] == "dropped":
                called = {self.found[n].called for n in found.evidence["parameters"]}
                for key, other in list(findings.items()):
                    if set(other.evidence.get("parameters", ("",))) <= called - {""}:
                        del findings[key]
            findings.setdefault((found.code, found.span.line), found)

    def _unmoved(self, known: Untrained) -> bool:
        if known.rule in REACHED or known.called:
            return True
        return bool(np.array_equal(rooted(known.obj), known.before))


def _is_no_chance(known: Untrained) -> bool:
    """Whether one step tells: an array that has become a multiple of its own gradient."""
    return known.rule == "replaced" and np.size(known.before) >= LEAST_ENTRIES


def is_meant(words: re.Pattern[str] = MEANT) -> bool:
    """Whether a program says that something stays as it is, or learns in a way of its own."""
    texts = {site.file.path: site.file.text for site in SITES}
    return any(words.search(_said(text)) for text in texts.values())


def _said(text: str) -> str:
    """Return a program without what it prints: names, comments and docstrings."""
    words, alone = [], True
    with suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type != tokenize.STRING or alone:
                words.append(token.string)
            if token.type not in (tokenize.COMMENT, tokenize.NL):
                alone = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    return " ".join(words)


def _finding(members: list[Untrained]) -> Finding:
    first = members[0]
    names = [m.name for m in members]
    shown = ", ".join(f"`{n}`" for n in names[:4]) + (" …" if len(names) > 4 else "")
    are = "are" if len(names) > 1 else "is"
    their = "their" if len(names) > 1 else "its"
    they = "they" if len(names) > 1 else "it"
    silent = "silent" if first.rule == "blank" else first.rule
    title, message, label = {
        "dropped": (
            f"{shown} {are} never updated: the new value that is computed here is not kept",
            f"store the result where `{first.name}` is read",
            "computed and dropped",
        ),
        "replaced": (
            f"{shown} {are} replaced by {their} step instead of being moved by it",
            f"start from the old value: `{first.meant or f'{first.name} = {first.name} - …'}`",
            "the old value is lost",
        ),
        "zero": (
            f"{shown} {are} never updated: {their} step is multiplied by zero",
            "let the gradient through, or leave the update out",
            "zero in every judged step",
        ),
        "silent": (
            f"{shown} {are} never updated: the gradient that is subtracted stays zero",
            "leave the loop after its last round, not in its first"
            if first.place.text.startswith(("return", "break"))
            else f"compute the gradient of `{first.name}` in the backward pass, and store it",
            "no gradient arrives here",
        ),
        "stuck": (
            f"{first.share} numbers `{first.name}` are never updated: the gradient that is "
            "subtracted stays zero",
            "add the gradient of these numbers as well (a bias beside the weights?)",
            "their gradients are not among these",
        ),
    }.get(silent) or (
        f"{shown} {are} never updated, while {_neighbours(first)} "
        f"{'are' if len(first.neighbours) > 1 else 'is'}",
        f"update {shown} as well"
        + (f", or say in a comment that {they} {are} frozen" if first.rule == "random" else ""),
        "",
    )  # fmt: skip
    note = (
        f"{first.name}: its true gradient has norm {first.size:.3g}, and it was the same in "
        f"{len(first.steps)} judged steps"
    )
    if first.rule in ("zero", "replaced"):
        note = f"{first.name}: its true gradient has norm {first.size:.3g}"
    if first.rule == "computed":
        note += "; its gradient is computed, but nothing uses it"
    likely = first.rule in ("random",)
    return Finding(
        code="BP104" if first.rule == "replaced" else "BP107",
        cause="update-direction" if first.rule in ("dropped", "replaced") else "missing-term",
        severity="warning" if likely else "error", title=title, message=message,
        file=first.place.file.path, span=first.place.span, expression=first.place.text,
        evidence={
            "parameters": names, "steps": sorted(first.steps), "rule": first.rule,
            **({"found": first.place.text, "expected": first.meant} if first.meant else {}),
        },
        related=tuple(
            Related(p.span, role, p.text, p.file.path) for p, role in first.related
        ),
        confidence="likely" if likely else "proven", notes=(note,), label=label,
    )  # fmt: skip


def _neighbours(first: Untrained) -> str:
    names = first.neighbours
    return ", ".join(f"`{n}`" for n in names[:3]) + (" …" if len(names) > 3 else "")
