"""Edits of statements, calls and keys that a diagnosis points at, and what tells that they do."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backproof.finding import Finding
from backproof.repair.candidate import Candidate, Code, value_of
from backproof.repair.expect import Expected, Wanted, verdict
from backproof.repair.expressions import changes, wholes
from backproof.repair.generate import propose
from backproof.repair.statements import stores
from backproof.repair.told import Told, named
from backproof.source import SourceFile


def found(code: Code, line: int, code_of: str, cause: str, title: str = "") -> Finding:
    statement = code.statement_at(line)
    assert statement is not None
    return Finding(
        code_of, cause, "error", title, "", "", code.span(statement), "", {}, (), None, "proven"
    )


def edited(code: Code, candidate: Candidate) -> str:
    """Return a program's text after a candidate's edits."""
    rows = [f"{line}\n" for line in code.file.lines]
    for edit in reversed(candidate.edits):
        span = edit.span
        head = rows[span.line - 1][: span.column - 1]
        last = rows[span.end_line - 1] if span.end_line <= len(rows) else ""
        rows[span.line - 1 : span.end_line] = [head + edit.text + last[span.end_column - 1 :]]
    return "".join(rows).rstrip() + "\n"


def values(text: str, line: int, *names: str) -> dict[str, float]:
    """Return what may stand for the value of a statement, with the prices."""
    code = Code.of(SourceFile("", text))
    statement = code.statement_at(line)
    assert statement is not None
    root = value_of(statement)
    assert root is not None
    made: dict[str, float] = {}
    for change in (changes, wholes):
        for node, new, _, price in change(code, root, list(names)):
            whole = code.within(root, node, new)
            made[whole] = min(price, made.get(whole, price))
    return made


def test_a_method_is_taken_for_the_one_whose_name_has_a_word_more() -> None:
    text = """\
class Net:
    def act(self, z):
        return z
    def act_grad(self, z):
        return z > 0
    def fit(self, x, y):
        return x
    def back(self, d):
        return d * self.act(self.z)
"""
    made = values(text, 9)
    assert made["d * self.act_grad(self.z)"] < 1.0
    assert "d * self.fit(self.z)" not in made


def test_an_element_of_another_list_is_meant_by_a_name() -> None:
    text = "def back(acts, zs, l, d):\n    a = acts[-l]\n    zs[0]\n    return d * prime(a)\n"
    assert "d * prime(zs[-l])" in values(text, 4)


def test_what_is_turned_lacks_a_factor() -> None:
    assert "(h * r).T @ d" in values("g = h.T @ d\n", 1, "r")


def test_keys_that_are_written_beside_one_come_first() -> None:
    many = "".join(f"p['w{n}'] = {n}\n" for n in range(40))
    text = f"{many}c = dict(q=q, k=k)\nd = s @ c['k']\n"
    assert "s @ c['q']" in values(text, 42)


def test_blocks_are_put_back_as_elsewhere() -> None:
    text = "b = x.reshape(n, h, k).transpose(0, 2, 1)\nd = m.reshape(n, k, h).reshape(s)\n"
    assert "m.reshape(n, k, h).transpose(0, 2, 1).reshape(s)" in values(text, 2)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("d *= scale\n", "d /= scale\n"),
        ("d[h <= 0] = 0\n", "d *= 1 - h ** 2\n"),
    ],
)
def test_another_statement_is_meant(wrong: str, right: str) -> None:
    code = Code.of(SourceFile("", wrong))
    made = [edited(code, candidate) for candidate in stores(code, code.tree.body[0])]
    assert right in made


def test_no_function_is_copied() -> None:
    code = Code.of(SourceFile("", "d = np.dot(a, b)\n"))
    made = [edited(code, candidate) for candidate in stores(code, code.tree.body[0])]
    assert "d = np.dot(a.copy(), b)\n" in made
    assert not any("dot.copy" in text for text in made)


def test_the_operator_that_a_diagnosis_names_comes_first() -> None:
    code = Code.of(SourceFile("", "d = g * a + (1 - a)\n"))
    told = Told.of(found(code, 1, "BP101", "", "wrong: `g * a + (1 - a)` should be a product"))
    statement = code.tree.body[0]
    root = value_of(statement)
    assert root is not None
    price = {
        new: named(code, told, Candidate("", (replace_of(code, node, new),), 1.0, "",
                                         code.span(statement)))
        for node, new, _, _ in changes(code, root, [])
    }  # fmt: skip
    assert [new for new, sure in price.items() if sure == 1.0] == ["(g * a) * (1 - a)"]


def replace_of(code: Code, node: ast.expr, text: str):
    from backproof.source import Edit

    return Edit(code.span(node), text)


BACK = """\
def back(tape, g):
    for w, h, z in tape:
        out.append(h.T @ g)
        g = g @ w.T
tape.append((w, h, None))
slope(z)
"""


def test_a_statement_that_multiplies_a_gradient_is_missing() -> None:
    code = Code.of(SourceFile("", BACK.replace("slope", "d_act")))
    finding = found(code, 4, "BP101", "missing-factor")
    made = [edited(code, c) for c in propose(code, [finding], [], {})]
    right = "        if z is not None:\n            g = g * d_act(z)\n        out.append"
    assert any(right in text for text in made)


def test_what_a_diagnosis_says_is_changed_too_early_is_moved() -> None:
    text = "v = w[i]\nw[i] -= lr * dv\na = d * v\nb = e * v\n"
    code = Code.of(SourceFile("", text))
    title = "`w[i] -= lr * dv` was changed before it is read here"
    made = sorted(
        propose(code, [found(code, 3, "BP105", "mutated-value", title)], [], {}, (3, 4)),
        key=lambda c: c.price,
    )
    texts = [edited(code, candidate) for candidate in made]
    assert "v = w[i]\na = d * v\nb = e * v\nw[i] -= lr * dv\n" in texts[:6]


def wanted(name: str, author: float, truth: float, *options: float) -> Wanted:
    vectors = [np.full(3, number) for number in (0.0, author, truth, *options)]
    zero, own, true, *others = vectors
    return Wanted(name, (name,), (3,), zero, zero, own, tuple(others), (true,), 1e-9)


def test_a_norm_within_its_limit_clips_nothing() -> None:
    """The right gradients move all parameters by more than the clipped wrong ones."""
    clipped = wanted("W", -9.0, 2.0, -0.2), wanted("b", -0.1, 1.0)
    one = Expected(0, "", (1, 1), clipped, True)
    assert verdict(one, [np.full(3, -2.0), np.full(3, -1.0)]) == "right"
    assert verdict(one, [np.full(3, -2.0), np.full(3, -0.5)]) == "wrong"


def test_the_costs_that_a_program_computes_may_be_meant() -> None:
    known = Expected(0, "", (1, 1), (wanted("W", -1.0, 2.0, -2.0), wanted("b", -1.0, 1.0)), True)
    own = replace(known, wanted=(wanted("W", -1.0, 3.0), wanted("b", -1.0, 4.0)), anchored=False)
    values = [np.full(3, -0.3), np.full(3, -0.4)]
    assert verdict(known, values) == "wrong"
    assert verdict(replace(known, other=own), values) == "right"


CLIPPED = """
import numpy as np
r = np.random.default_rng(11)
x, y = r.normal(size=(15, 6)), r.normal(size=(15, 2))
W, b, V = r.normal(size=(6, 4)) * 3, np.zeros(4), r.normal(size=(4, 2)) * 0.1
for step in range(20):
    h = np.tanh(x @ W + b)
    e = h @ V - y
    loss = (e ** 2).sum() / len(x)
    do = 2 * e / len(x)
    gV = h.T @ do
    dz = (do @ V.T) * (1 - h ** 2)
    gW, gb = x.T @ dz, dz.sum(0)
    n = np.sqrt((gW ** 2).sum() + (gb ** 2).sum() + (gV ** 2).sum())
    c = min(1.0, 1.0 / (n + 1e-12))
    W -= 0.5 * c * gW
    b -= 0.5 * c * gb
    V -= 0.5 * c * gV
print(loss)
"""


@pytest.mark.quality
def test_a_fault_under_clipping_is_repaired(tmp_path: Path) -> None:
    wrong = CLIPPED.replace("gV = h.T @ do", "gV = h.T @ e")
    (tmp_path / "train.py").write_text(wrong, "utf-8")
    command = [sys.executable, "-m", "backproof", "run", "--json", "r.json", "train.py"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=120)
    finding = json.loads((tmp_path / "r.json").read_text("utf-8"))["findings"][0]
    assert finding["fix"]["verified"]
    assert finding["fix"]["after"] == "gV = h.T @ do"


def test_gradients_that_an_engine_gathers_are_set_to_zero() -> None:
    text = (
        "for k in range(9):\n    loss.backward()\n    for p in params:\n        p.data -= p.grad\n"
    )
    code = Code.of(SourceFile("", text))
    made = propose(code, [found(code, 2, "BP106", "not-reset")], [], {})
    zero = "    for p in params:\n        p.grad = 0.0\n    loss.backward()\n"
    assert text.replace("    loss.backward()\n", zero) in {edited(code, c) for c in made}
