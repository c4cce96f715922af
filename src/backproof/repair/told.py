"""What a diagnosis says in words, and whether an edit is what it says."""

from __future__ import annotations

import ast
import operator
import re
import zlib
from dataclasses import dataclass, field

from backproof.finding import Finding
from backproof.repair.candidate import Candidate, Code
from backproof.repair.expressions import OPERATORS

_PATH = re.compile(r"\w[\w.\[\]]*\.\w+")
_EXCHANGE = re.compile(r"`([^`]+)` in place of `([^`]+)`")
_OPERATOR = re.compile(r"`([^`]+)` should be a (product|sum|difference)")
_SIGN = re.compile(r"the operator of `([^`]+)` should be `([^`]+)`")
_SIGNS = {"product": "*", "sum": "+", "difference": "-"}
_MEANT = re.compile(r"`([^`]+)` (?:stands|is passed) where `([^`]+)`")
_NUMBERS = re.compile(r"`([-\d.e+]+)` stands in `([^`]+)` where `([-\d.e+]+)` is meant")
_ARITHMETIC = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Pow: operator.pow,
}  # fmt: skip
#: Relative difference of two numbers that are the same: a report rounds them.
SAME = 1e-4


@dataclass(frozen=True, slots=True)
class Told:
    """What a diagnosis says: exchanges (old, new), and other texts that it quotes."""

    pairs: list[tuple[str, str]]
    quoted: list[str]
    operators: list[tuple[str, str]] = field(default_factory=list)
    """Operations that should be others: (text, the sign meant)."""
    ratios: list[tuple[str, float]] = field(default_factory=list)
    """Expressions, and the multiple of an operand that should stand there."""

    @classmethod
    def of(cls, finding: Finding) -> Told:
        """Read a finding."""
        told = f"{finding.message} {finding.title}"
        pairs = [(b, a) for a, b in _EXCHANGE.findall(told)] + _MEANT.findall(told)
        found = str(finding.evidence.get("found", "") or "")
        expected = str(finding.evidence.get("expected", "") or "")
        if expected:
            pairs.append((found, expected))
        olds = {old for old, _ in pairs}
        quoted = [*re.findall(r"`([^`]+)`", finding.message), *(new for _, new in pairs)]
        # An attribute of an object, ``net.layers[1].slope``, is one of `self` in its method.
        quoted += [f"self.{text.rpartition('.')[2]}" for text in quoted if _PATH.fullmatch(text)]
        signs = [(text, _SIGNS[kind]) for text, kind in _OPERATOR.findall(told)]
        signs += _SIGN.findall(told)
        ratios = [(text, float(b) / float(a)) for a, text, b in _NUMBERS.findall(told)]
        return cls(pairs, [text for text in quoted if text not in olds], signs, ratios)


def named(code: Code, told: Told, candidate: Candidate) -> float:
    """How surely the diagnosis says what a candidate does, from 0 to 1."""
    best = 0.0
    for edit in candidate.edits:
        old = " ".join(code.file.slice(edit.span).split())
        new = " ".join(edit.text.split())
        scaled = any(_is_scaled(text, old, new, ratio) for text, ratio in told.ratios)
        if scaled or any(is_called(old, o) and is_called(new, n) for o, n in told.pairs):
            best = 1.0
        elif any(old == " ".join(text.split()) for text, _ in told.operators):
            signs = [sign for text, sign in told.operators if old == " ".join(text.split())]
            best = max(best, 1.0 if any(_is_joined(old, new, s) for s in signs) else 0.0)
        elif new in told.quoted:
            best = max(best, 0.6)
        elif any(len(q) > 1 and q in new and q not in old for q in told.quoted):
            best = max(best, 0.4)
    return best


def _is_joined(old: str, new: str, sign: str) -> bool:
    """Whether the operands of an operation are joined by another sign, whatever the brackets."""
    try:
        was, now = (ast.parse(text, mode="eval").body for text in (old, new))
    except SyntaxError:
        return False
    if not isinstance(was, ast.BinOp) or not isinstance(now, ast.BinOp):
        return False
    sides = ast.dump(was.left) == ast.dump(now.left), ast.dump(was.right) == ast.dump(now.right)
    return all(sides) and OPERATORS[type(now.op)] == sign


def is_called(text: str, name: str) -> bool:
    """Whether a name of the report may stand for a text: ``Z1`` for ``cache["Z1"]``."""
    return text == name or re.sub(r"^.*[\[.]|[\]\"']", "", text) == name


def _is_scaled(text: str, old: str, new: str, ratio: float) -> bool:
    """Whether an edit multiplies an operand by what the diagnosis says: ``2 * m`` is half of it."""
    if old not in " ".join(text.split()):
        return False
    was, now = _evaluated(old), _evaluated(new)
    return was is not None and now is not None and abs(now / was - ratio) <= SAME * abs(ratio)


def _evaluated(text: str) -> float | None:
    """Return what a formula comes to where each name stands for a number of its own."""
    try:
        value = _value(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError):
        return None
    return value or None


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        value: float = _ARITHMETIC[type(node.op)](_value(node.left), _value(node.right))
        return value
    return 1.1 + zlib.crc32(ast.dump(node).encode()) / 2**32
