"""What is proposed in place of an expression: the slips that people make, undone."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from backproof.finding import Finding
from backproof.repair.candidate import Code, value_of
from backproof.repair.expressions import changes, wholes
from backproof.repair.forms import forms
from backproof.repair.missing import absent, missing_updates
from backproof.repair.names import MOST, atoms
from backproof.repair.statements import added, siblings, stores
from backproof.repair.synthesis import terms
from backproof.repair.told import Told
from backproof.source import SourceFile


def proposals(statement: str, *names: str) -> set[str]:
    """Return what may stand in place of a statement's value, without blanks."""
    code = Code.of(SourceFile("", f"{statement}\n"))
    (node,) = code.tree.body
    root = value_of(node)
    assert root is not None
    made = [*changes(code, root, list(names)), *forms(code, root, list(names), near=True)]
    return {ast.unparse(ast.parse(code.within(root, n, text))) for n, text, _, _ in made}


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("p += lr * (e * q - lam) * p", "lr * (e * q - lam * p)"),  # closed too early
        ("d = (a - b) * c", "a - b * c"),  # needless
        ("d = a - b * c", "(a - b) * c"),  # forgotten
        ("d = a * b - c", "a * (b - c)"),
        ("v = g * -0.5 * (s + eps) ** (-0.5)", "g * -0.5 * (s + eps) ** -1.5"),
        ("w -= lr * score * v", "lr * (score - 1) * v"),
        ("gc = np.sum(d * t * 2)", "np.sum(d * t ** 2)"),
        ("d = s(x) * (1 - s(x))", "x * (1 - x)"),  # the value is given
        ("dx = dout * x", "dout * (x > 0)"),
        ("b = b - lr * g['db' + str(L)] * w[l + 1]", "b - lr * g['db' + str(l + 1)] * w[l + 1]"),
    ],
)
def test_a_slip_is_undone(wrong: str, right: str) -> None:
    assert ast.unparse(ast.parse(right)) in proposals(wrong)


def test_the_activation_is_meant_where_its_input_is_given() -> None:
    text = "def sigmoid(x):\n    return 1 / (1 + np.exp(-x))\n\ndZ = dA * Z * (1 - Z)\n"
    code = Code.of(SourceFile("", text))
    statement = code.statement_at(4)
    assert statement is not None
    root = value_of(statement)
    assert root is not None
    made = {code.within(root, n, t) for n, t, _, _ in forms(code, root, [], near=True)}
    assert "dA * sigmoid(Z) * (1 - sigmoid(Z))" in made


def test_nobody_subtracts_zero() -> None:
    assert "lr * (s - 0)" not in proposals("w -= lr * (s - 1)")


def test_violated_margins_are_counted() -> None:
    assert "np.sum(margins > 0, axis=1)" in proposals("d[rows, y] -= 1", "margins")


def rewritten(text: str, line: int) -> list[str]:
    """Return the program after each edit of a whole statement."""
    code = Code.of(SourceFile("", text))
    statement = code.statement_at(line)
    assert statement is not None
    found = []
    for candidate in (*stores(code, statement), *added(code, statement)):
        lines = text.splitlines(keepends=True)
        for edit in reversed(candidate.edits):
            row = lines[edit.span.line - 1]
            head, tail = row[: edit.span.column - 1], row[edit.span.end_column - 1 :]
            lines[edit.span.line - 1] = head + edit.text + tail
        found.append("".join(lines))
    return found


def test_the_other_branch_of_a_leaky_relu() -> None:
    text = "out = np.maximum(0.1 * x, x)\ndx[x <= 0.1 * x] = 0\n"
    assert text.replace("= 0\n", "*= 0.1\n") in rewritten(text, 2)


def test_all_operations_of_an_engine_add_to_the_gradient() -> None:
    text = (
        "class Value:\n"
        "    def tanh(self, out):\n"
        "        def back():\n"
        "            self.grad = out.grad * 2\n"
        "    def mul(self, other, out):\n"
        "        def back():\n"
        "            self.grad = other.data * out.grad\n"
        "            other.grad = self.data * out.grad\n"
        "    def zero(self):\n"
        "        self.grad = 0\n"
    )
    right = text.replace("self.grad = o", "self.grad += o").replace("other.grad =", "other.grad +=")
    assert right in rewritten(text, 4)


def test_names_that_differ_by_a_letter_are_among_many() -> None:
    gates = [f"self.d{kind}{gate}" for kind in ("W", "U", "b") for gate in "ifoc"]
    others = "".join(f"        self.value{letter}{n} = {n}\n" for n in range(30) for letter in "ab")
    sums = "".join(f"        {gate} = 0\n" for gate in gates)
    text = f"class Net:\n    def step(self):\n{others}{sums}        self.bo -= lr * self.dbc\n"
    code = Code.of(SourceFile("", text))
    found = atoms(code, list(code.statements())[-1])
    assert len(found) == MOST
    assert "self.dbo" in found[:20]


def test_what_an_object_of_an_object_keeps_is_at_hand() -> None:
    text = (
        "class Layer:\n    def forward(self, x):\n        self.output = x\n"
        "        self.weights = x\n"
        "class Net:\n    def __init__(self):\n"
        "        self.l1 = Layer()\n        self.l2 = Layer()\n"
        "def backward(net, g):\n    d = g @ net.l2.weights\n    e = d * (d > 0)\n"
    )
    code = Code.of(SourceFile("", text))
    statement = code.statement_at(11)
    assert statement is not None
    assert "net.l1.output" in atoms(code, statement)


def test_a_missing_term_is_put_together() -> None:
    draw = np.random.default_rng(0)
    x, dvar, dmean = draw.normal(size=(6, 3)), draw.normal(size=3), draw.normal(size=3)
    values = {"x": x, "dvar": dvar, "dmean": dmean, "(x - mean)": x - x.mean(axis=0), "N": 6}
    rest = dvar * 2 * (x - x.mean(axis=0)) / 6
    assert terms(rest, values, [("N", 6.0)]) == ["2 * dvar * (x - mean) / N"]
    W = draw.normal(size=(4, 3))
    assert terms(x @ W.T, {"x": x, "W": W}, []) == ["x @ W.T"]


def test_a_factor_without_a_name_is_no_term() -> None:
    x = np.arange(1.0, 7.0)
    assert terms(0.123 * x, {"x": x}, [("N", 6.0)]) == []
    assert terms(x[:2], {"x": x[:2]}, []) == []  # of two entries too much fits


@pytest.mark.parametrize(
    ("update", "parameter", "made"),
    [
        ("W1 -= lr * dW1", "b1", "b1 -= lr * db1"),
        ("layer.W -= lr * layer.dW", "conv1.b", "layer.b -= lr * layer.db"),
        ('p["W1"] -= lr * g["dW1"]', 'net.p["b1"]', 'p["b1"] -= lr * g["db1"]'),
    ],
)
def test_an_update_that_is_missing_is_written_as_another(
    update: str, parameter: str, made: str
) -> None:
    code = Code.of(SourceFile("", f"{update}\n"))
    (candidate,) = missing_updates(code, [parameter])
    assert [edit.text for edit in candidate.edits] == [f"\n{made}"]


def test_a_statement_that_is_missing_is_written_as_the_one_alike() -> None:
    text = "Theta1_grad = f(a)\nTheta2_grad = f(b)\nTheta1_grad[:, 1:] += r * Theta1[:, 1:]\n"
    code = Code.of(SourceFile("", text + "Theta2_grad[:, 1:]\n"))
    statement = code.tree.body[2]
    made = [edit.text for candidate in absent(code, statement) for edit in candidate.edits]
    assert made == ["\nTheta2_grad[:, 1:] += r * Theta2[:, 1:]"]
    assert not list(absent(code, code.tree.body[0]))


def test_an_attribute_of_an_object_is_one_of_self_in_its_method() -> None:
    title = "`0` stands where `net.layers[1].slope` is meant"
    code = Code.of(SourceFile("", "x = 1\n"))
    finding = Finding(
        "BP101", "wrong-operand", "error", title, "", "", code.span(code.tree.body[0]), "",
        {}, (), None, "proven",
    )  # fmt: skip
    assert "self.slope" in Told.of(finding).quoted


def test_a_gradient_at_hand_is_meant_where_that_of_the_weights_has_no_fellow() -> None:
    text = (
        "def back(self, out_grad, rate):\n"
        "    w_grad = np.dot(self.x.T, out_grad)\n"
        "    self.weights -= rate * w_grad\n"
    )
    made = [
        c.edits[0].text.strip() for c in missing_updates(Code.of(SourceFile("", text)), ["l.bias"])
    ]
    assert "self.bias -= rate * out_grad" in made
    assert "self.bias -= rate * out_grad.sum(axis=0)" in made


@pytest.mark.parametrize(
    ("loop", "made"),
    [
        ("for p, g in ((W1, dW1), (W2, dW2), (b2, db2)):\n    p -= g\n", [", (b1, db1)"]),
        ("for p, g in zip([W1, W2, b2], [dW1, dW2, db2]):\n    p -= g\n", [", b1", ", db1"]),
        ("for k in ['W1', 'W2', 'b2']:\n    P[k] -= G[k]\n", [", 'b1'"]),
    ],
)
def test_an_entry_that_a_list_of_updates_lacks_is_written_as_another(
    loop: str, made: list[str]
) -> None:
    found = missing_updates(Code.of(SourceFile("", loop)), ["b1"])
    assert made in [[edit.text for edit in candidate.edits] for candidate in found]


def test_a_loop_variable_that_is_bound_anew_is_changed_in_place() -> None:
    code = Code.of(SourceFile("", "for p, g in pairs:\n    p = p - lr * g / n\n"))
    statement = code.statement_at(2)
    assert statement is not None
    made = [edit.text for candidate in stores(code, statement) for edit in candidate.edits]
    assert "p -= lr * g / n" in made


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("dx = dh - dh.mean(axis=0)", "dh - dh.mean(axis=0) - xn * (dh * xn).mean(axis=0)"),
        ("dU = dE / norm", "(dE - xn * (dE * xn).sum(axis=-1, keepdims=True)) / norm"),
        ("d = g * (1 - xn ** 2)", "g * (1 - np.tanh(xn) ** 2)"),
    ],
)
def test_what_comes_back_through_a_norm_is_taken_away(wrong: str, right: str) -> None:
    assert ast.unparse(ast.parse(right)) in proposals(wrong, "norm", "xn")


def test_a_statement_is_written_as_its_twin_with_another_letter() -> None:
    lines = ("dx = c * (z / (nx * nz) - x / nx ** 2)", "dz = c * (x / (nx * nz) - z / nz)")
    code = Code.of(SourceFile("", "\n".join(lines)))
    made = {c.value for c in siblings(code, code.tree.body[1])}
    assert "c * (x / (nz * nx) - z / nz ** 2)" in made


def test_a_derivative_is_missing_in_a_method_that_is_given_nothing() -> None:
    text = """\
class Net:
    def slope(self, x):
        return x * (1 - x)

    def back(self):
        d2 = self.e @ self.W.T
        return d2 * slope_of(self.e)
"""
    code = Code.of(SourceFile("", text))
    statement = code.statement_at(6)
    assert statement is not None
    root = value_of(statement)
    assert root is not None
    made = {text for _, text, _, _ in wholes(code, root, ["self.h"])}
    assert "self.e @ self.W.T * slope_of(self.h)" in made
