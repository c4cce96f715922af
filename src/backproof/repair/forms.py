"""Edits that rewrite a whole formula: softmax's Jacobian, exchanged names, turned stacks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import combinations

from backproof.repair.calls import taken_elsewhere
from backproof.repair.candidate import Change, Code, given, is_atomic
from backproof.repair.jacobians import centred, jacobians
from backproof.repair.names import likeness, one_letter, relettered
from backproof.repair.offers import STRENGTH, bracketed, functions, operands
from backproof.repair.slopes import NotDifferentiable, forward_slopes, helpers, renamed, slope
from backproof.repair.sums import GRADIENT, counts, products, projected, reduced


def forms(code: Code, root: ast.expr, atoms: list[str], *, near: bool) -> Iterator[Change]:
    """Yield the edits of an expression that no edit of one of its parts makes.

    Parameters
    ----------
    near : bool
        The expression is blamed, or next to it: what is rarer is worth proposing.
    """
    yield from jacobians(code, root)
    yield from _exchanges(code, root)
    yield from _everywhere(code, root, atoms)
    yield from counts(code, root, atoms)
    if near:
        yield from _analogues(code, root, atoms)
        yield from products(code, root, atoms)
        yield from _uses(code, root, atoms)
    for node in ast.walk(root):
        yield from _derivatives(code, node)
        yield from _wrapped(code, node)
        yield from _factors(code, node)
        yield from _stacks(code, node)
        yield from _branches(code, node, atoms)
        yield from _slopes_in_products(code, node)
        yield from _complements(code, node)
        yield from _summed(code, node)
        if near:
            yield from _known(code, root, node, atoms)
    if near:
        yield from taken_elsewhere(code, root)
        yield from reduced(code, root, atoms)
        yield from centred(code, root, atoms)
        yield from projected(code, root, atoms)
        for node in ast.walk(root):
            yield from _own_slopes(code, root, node)
        yield from _of_helper(code, root)


def _exchanges(code: Code, root: ast.expr) -> Iterator[Change]:
    """Two names, each in the place of the other."""
    text = code.text(root)
    for one, other in combinations(operands(code, root), 2):
        price = likeness(one, other)
        if price > 1.0 or one in other or other in one:
            continue
        pattern = re.compile(rf"(?<![\w.])({re.escape(one)}|{re.escape(other)})(?!\w)")
        partner = {one: other, other: one}
        swapped = "".join(partner.get(part, part) for part in pattern.split(text))
        yield root, swapped, "wrong-operand", price + 0.15


def _everywhere(code: Code, root: ast.expr, atoms: list[str]) -> Iterator[Change]:
    """A name that stands several times, replaced each time: ``f(a) * (1 - f(a))``."""
    text = code.text(root)
    for name in operands(code, root):
        pattern = re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)")
        if len(pattern.findall(text)) < 2:
            continue
        for atom in atoms:
            if atom != name:
                new = pattern.sub(atom.replace("\\", ""), text)
                yield root, new, "wrong-operand", likeness(name, atom) + 0.1
    yield from _unapplied(code, root)


def _unapplied(code: Code, root: ast.expr) -> Iterator[Change]:
    """What is a function's value already: ``a * (1 - a)`` for ``f(a) * (1 - f(a))``."""
    text = code.text(root)
    calls = [n for n in ast.walk(root) if isinstance(n, ast.Call) and len(n.args) == 1]
    for call, inner in {code.text(n): code.text(n.args[0]) for n in calls}.items():
        if is_atomic(inner) and text.count(call) > 1:
            yield root, text.replace(call, inner), "wrong-derivative", 0.9


def _derivatives(code: Code, node: ast.AST) -> Iterator[Change]:
    """The derivative of another function of the same value: ``a * (1 - a)``, ``1 - a ** 2``."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        base = node.left
        if isinstance(base, ast.BinOp) and isinstance(base.op, ast.Add | ast.Sub):
            right = bracketed(code, base.right)
            sign = "-" if isinstance(base.op, ast.Sub) else "+"
            text = f"({code.text(base.left)} {sign} {right} ** {code.text(node.right)})"
            yield node, text, "wrong-derivative", 0.95
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub | ast.Mult):
        return
    if isinstance(node.op, ast.Sub) and _is_one(node.left):
        inner = node.right
        value = bracketed(code, inner)
        yield node, code.put(node, f"1 - {value} ** 2"), "wrong-derivative", 0.95
        squared = _squared(inner)
        if squared is not None:
            value = bracketed(code, squared)
            yield node, code.put(node, f"{value} * (1 - {value})"), "wrong-derivative", 1.0
            yield node, code.put(node, f"1 - {value}"), "wrong-derivative", 1.0
            yield node, code.put(node, f"{value} > 0"), "wrong-derivative", 1.1
    for one, other in ((getattr(node, "left", None), getattr(node, "right", None)),) * isinstance(
        node.op, ast.Mult
    ):
        if isinstance(other, ast.BinOp) and isinstance(other.op, ast.Sub) and _is_one(other.left):
            value = bracketed(code, other.right)
            if one is not None and code.text(one) == code.text(other.right):
                yield node, code.put(node, f"1 - {value} ** 2"), "wrong-derivative", 0.9
                yield node, code.put(node, f"{value} > 0"), "wrong-derivative", 1.1


def _squared(node: ast.expr) -> ast.expr | None:
    """Return the base of a power as it may be written: ``a * a``, ``np.power(a, 2)``."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.Mult):
        return node.left
    if not isinstance(node, ast.Call) or not node.args:
        return None
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return node.args[0] if name in ("power", "pow", "square", "float_power") else None


def _wrapped(code: Code, node: ast.AST) -> Iterator[Change]:
    """A function of a value: ``dtanh(np.tanh(c))``, ``np.exp(logp) * total``, ``cos(x) ** 2``."""
    parent = code.parents.get(node)
    if isinstance(node, ast.Call) and isinstance(parent, ast.BinOp):
        yield node, f"{code.text(node)} ** 2", "missing-factor", 1.2
    product = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult | ast.Div)
    power = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and parent.left is node
    if power and isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
        yield node, f"np.tanh({code.text(node)})", "wrong-derivative", 1.1
    if product and isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
        yield node, f"np.exp({code.text(node)})", "wrong-operand", 1.3
    if isinstance(node, ast.Call) and len(node.args) == 1:
        inner = node.args[0]
        if isinstance(inner, ast.Name | ast.Attribute | ast.Subscript):
            yield inner, f"np.tanh({code.text(inner)})", "wrong-derivative", 1.2


def _factors(code: Code, node: ast.AST) -> Iterator[Change]:
    """One factor of several alone: ``h - y`` for ``(h - y) * h * (1 - h)``."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return
    factors: list[ast.expr] = []
    inner: ast.expr = node
    while isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Mult):
        factors.append(inner.right)
        inner = inner.left
    factors.append(inner)
    if len(factors) > 2:
        for factor in factors:
            yield node, code.put(node, bracketed(code, factor)), "extra-factor", 1.0


def _slopes_in_products(code: Code, node: ast.AST) -> Iterator[Change]:
    """Another derivative among the factors of a product: ``e * a * (1 - a)``, ``e * (1 - a ** 2)``.

    The factors of ``W.T @ e * a * (1 - a)`` are no expression of their own.
    """
    parent = code.parents.get(node)
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return
    if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult) and parent.left is node:
        return
    factors: list[ast.expr] = []
    inner: ast.expr = node
    while isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Mult):
        factors.insert(0, inner.right)
        inner = inner.left
    factors.insert(0, inner)
    texts = [code.text(factor) for factor in factors]
    bare = [text[1:-1] if text.startswith("(") and text.endswith(")") else text for text in texts]
    for i, factor in enumerate(factors):
        for j, other in enumerate(factors):
            if i == j or not (isinstance(other, ast.BinOp) and isinstance(other.op, ast.Sub)):
                continue
            if not _is_one(other.left) or code.text(other.right) != bare[i]:
                continue
            value = bracketed(code, factor)
            rest = [t for k, t in enumerate(texts) if k not in (i, j)]
            # ``f(z) * (1 - f(z))`` where the activation was meant and its input is given.
            applied = [
                f"{name}({bare[i]})" for name in code.once(helpers) if name in code.once(functions)
            ]
            for other_slope in (
                *(f"{a} * (1 - {a})" for a in applied[:4]),
                f"(1 - {value} ** 2)", f"({value} > 0)", f"(1 - {value})", value, ""
            ):  # fmt: skip
                joined = " * ".join([*rest, *([other_slope] if other_slope else [])])
                if joined:
                    yield node, code.put(node, joined), "wrong-derivative", 0.95
    if len(factors) > 2:
        for i in range(len(factors)):
            joined = " * ".join(t for k, t in enumerate(texts) if k != i)
            yield node, code.put(node, joined), "extra-factor", 1.05


def _complements(code: Code, node: ast.AST) -> Iterator[Change]:
    """Beside ``z``: ``1 - z``, a gate's other side; ``z - 1``, a label forgotten; ``z > 0``."""
    parent = code.parents.get(node)
    if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
        return
    in_product = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult)
    if in_product and isinstance(node.ctx, ast.Load):
        yield node, f"(1 - {code.text(node)})", "wrong-operand", 1.15
        yield node, f"({code.text(node)} - 1)", "missing-term", 1.15
        # A value stands where its function's derivative is meant.
        for slope_of in ("({0} > 0)", "(1 - {0} ** 2)", "{0} * (1 - {0})"):
            yield node, slope_of.format(code.text(node)), "wrong-derivative", 1.2


def _own_slopes(code: Code, root: ast.expr, node: ast.AST) -> Iterator[Change]:
    """The derivative of a function that the forward pass applies, in place of a factor."""
    parent = code.parents.get(node)
    is_factor = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult | ast.Div)
    is_argument = isinstance(parent, ast.Call) and node in parent.args
    if not isinstance(node, ast.expr) or not (is_factor or is_argument or node is root):
        return
    if isinstance(node, ast.Constant):
        return
    # A helper of the author's is given another value sooner than written out.
    price = 1.7 if isinstance(node, ast.Call) and _is_helper(code, node) else 1.2
    for _, derivative in code.once(forward_slopes):
        yield node, code.put(node, derivative), "wrong-derivative", price + len(derivative) / 1e3


def _is_helper(code: Code, call: ast.Call) -> bool:
    name = code.text(call.func).rpartition(".")[2]
    return any(isinstance(n, ast.FunctionDef) and n.name == name for n in code.nodes)


def _of_helper(code: Code, root: ast.expr) -> Iterator[Change]:
    """What a helper for a derivative should return: that of the function beside it."""
    around = code.function_of(root)
    if not isinstance(around, ast.FunctionDef) or not isinstance(code.parents[root], ast.Return):
        return
    arguments = given(around)
    for name, (argument, returned) in code.once(helpers).items():
        if name == around.name or not arguments:
            continue
        try:
            derivative = slope(code, returned, argument)
        except NotDifferentiable:
            continue
        yield root, renamed(derivative, argument, arguments[0]), "wrong-derivative", 1.0


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in (1, 1.0)


def _analogues(code: Code, root: ast.expr, atoms: list[str]) -> Iterator[Change]:
    """The missing one of several terms alike: ``ai @ Wi.T + af @ Wf.T`` without ``ao @ Wo.T``."""
    text = code.text(root)
    terms, queue = [], [root]
    while queue:
        node = queue.pop()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            queue += [node.left, node.right]
        else:
            terms.append(node)
    around = code.function_of(root)
    known = set(atoms) | {
        code.text(node) for node in ast.walk(around)
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript)
    }  # fmt: skip
    seen: set[str] = set()
    for term in terms if len(terms) > 1 else []:
        names = operands(code, term)
        for name in names:
            for atom in sorted(known):
                pair = one_letter(name, atom)
                if pair is None:
                    continue
                old, new = pair
                made = code.text(term)
                for other in names:
                    renamed = relettered(other, old, new)
                    if renamed in known:
                        pattern = rf"(?<![\w.]){re.escape(other)}(?!\w)"
                        made = re.sub(pattern, renamed, made)
                if made not in seen and made not in text:
                    seen.add(made)
                    yield root, f"{text} + {made}", "missing-term", 1.0


def _uses(code: Code, root: ast.expr, atoms: list[str]) -> Iterator[Change]:
    """What comes back through one use more: ``… + dh * z``, beside other such terms."""
    text = code.text(root)
    if not isinstance(root, ast.BinOp) or "\n" in text or len(text) > 160:
        return
    gradients = [a for a in atoms if GRADIENT.match(a)][:8]
    others = [a for a in atoms if a not in gradients][:24]
    for one in gradients:
        for other in others:
            yield root, f"{text} + {one} * {other}", "missing-term", 1.6


def _summed(code: Code, node: ast.AST) -> Iterator[Change]:
    """The sum of what a comprehension goes through: ``[b for a, b in …]`` for ``[a + b …]``."""
    if not isinstance(node, ast.ListComp | ast.GeneratorExp) or not isinstance(node.elt, ast.Name):
        return
    target = node.generators[0].target
    for name in target.elts if isinstance(target, ast.Tuple) else ():
        if isinstance(name, ast.Name) and name.id != node.elt.id:
            yield node.elt, f"{name.id} + {node.elt.id}", "missing-term", 1.0


def _stacks(code: Code, node: ast.AST) -> Iterator[Change]:
    """The matrices of a stack, turned or not."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        for side in (node.left, node.right):
            if isinstance(side, ast.Name | ast.Attribute | ast.Subscript):
                text = code.text(side)
                if not text.endswith(".T"):
                    yield side, f"{text}.transpose(0, 2, 1)", "missing-transpose", 1.1
                    yield side, f"np.swapaxes({text}, -1, -2)", "missing-transpose", 1.15
    if isinstance(node, ast.Call):
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else ""
        if name in ("transpose", "swapaxes") and isinstance(function, ast.Attribute):
            module = isinstance(function.value, ast.Name) and function.value.id == "np"
            inner = node.args[0] if module and node.args else function.value
            yield node, bracketed(code, inner), "missing-transpose", 1.0


def _branches(code: Code, node: ast.AST, atoms: list[str]) -> Iterator[Change]:
    """The other branch has a slope: ``np.where(mask, g, a * g)`` for ``np.where(mask, g, 0.0)``."""
    if not isinstance(node, ast.Call) or len(node.args) != 3:
        return
    if code.text(node.func).rpartition(".")[2] != "where":
        return
    strengths = [a for a in atoms if STRENGTH.fullmatch(a)][:8]
    for own, other in ((node.args[2], node.args[1]), (node.args[1], node.args[2])):
        if isinstance(own, ast.Constant):
            text = bracketed(code, other)
            for strength in strengths:
                yield own, strength, "wrong-derivative", 1.0
                yield own, f"{strength} * {text}", "wrong-derivative", 1.1


def _known(code: Code, root: ast.expr, node: ast.AST, atoms: list[str]) -> Iterator[Change]:
    """A value that has a name already, in place of an expression."""
    if not isinstance(node, ast.BinOp | ast.Call):
        return
    parent = code.parents.get(node)
    if isinstance(parent, ast.Call) and parent.func is node:
        return
    for atom in atoms:
        yield node, atom, "wrong-operand", 1.35 if node is root else 1.25
