"""Reports made by hand, with everything that a report can hold: no program runs for them."""

from __future__ import annotations

from backproof.finding import (
    Finding,
    Fix,
    GradientReport,
    ParameterVerdict,
    Related,
    Report,
)
from backproof.source import Edit, SourceFile, Span

#: The right-hand side of a line that is too long for any terminal.
LONG = "np.dot(W2.T, dZ2) * np.where(A1 > 0, 1.0, 0.0) + regularisation_strength * W2"

TRAIN = """\
import numpy as np

def backward(W1, W2, X, Y, A1, A2):
    m = X.shape[1]
    dZ2 = A2 - Y
    dW2 = dZ2 @ A1.T / m
    dZ1 = (W2.T @ dZ2) * relu_gradient(A1)
    dW1 = (
        dZ1
        @ X.T
    ) * m
    db1 =\tnp.sum(dZ1, axis=0)  # 網
    return dW1, dW2

def step(W1, W2):
    W2 -= 0.1 * dW1; 層 = "重み"; delta = LONG
""".replace("LONG", LONG)

CELL = "for epoch in range(10):\n    W -= lr * dW\n"


def find(text: str, source: str, occurrence: int = 1) -> Span:
    """Return where `text` stands in `source`."""
    at = -1
    for _ in range(occurrence):
        at = source.index(text, at + 1)
    before, through = source[:at], source[: at + len(text)]
    return Span(
        before.count("\n") + 1, at - before.rfind("\n"),
        through.count("\n") + 1, len(through) - through.rfind("\n"),
    )  # fmt: skip


def right() -> Report:
    """All is well."""
    return Report(
        script="train.py", status="completed", steps=4000, script_exit=0,
        gradient=GradientReport("verified", "cost", 6, (
            ParameterVerdict("W1", "dW1", "verified", 3.04e-11, 1.0, 8),
            ParameterVerdict("W2", "dW2", "verified", 2.2e-16, 1.0, 6),
        )),
        findings=(), sources={"/home/ada/net/train.py": TRAIN},
        timing={"startup_s": 0.21, "script_s": 1.5, "analysis_s": 0.333},
    )  # fmt: skip


def wrong() -> Report:
    """One wrong expression with a verified fix, what inherits it, and parameters of all kinds."""
    path = "/home/ada/net/train.py"
    used = find("relu_gradient(A1)", TRAIN)
    operand = Span(used.line, used.end_column - 3, used.line, used.end_column - 1)
    return Report(
        script="train.py", status="raised", steps=12, script_exit=1,
        gradient=GradientReport("wrong", "-np.mean(Y * np.log(A2))", 6, (
            ParameterVerdict("params['W1']", "grads['W1']", "wrong", 0.8312, 1.0, 8),
            ParameterVerdict("params['W2']", "grads['W2']", "verified", 2e-16, 1.0, 6),
            ParameterVerdict("E[words]", "dE", "unverified", None, None, 0,
                             "the gradient passes through `np.histogram`, for which there is no "
                             "rule and whose input is too large to differentiate numerically"),
        )),
        findings=(Finding(
            code="BP101", cause="wrong-operand", severity="error",
            title="gradient of `params['W1']` is wrong: the derivative of relu is taken at the "
            "wrong place",
            message="use `relu_gradient(Z1)`",
            file=path, span=used, expression="relu_gradient(A1)",
            label="expected the derivative at `Z1`",
            evidence={"parameters": ["params['W1']"], "error": float("nan"), "step": 3},
            notes=("`params['W1']`: relative error 0.83 over 8 entries, worst [3,1]: yours −0.021, "
                   "true −0.118 (float64; differences agree to 4e-10)",),
            related=(
                Related(find("dZ1\n        @ X.T", TRAIN), "consequence", "dZ1 @ X.T", path),
                Related(find("np.sum(dZ1, axis=0)", TRAIN), "consequence", "np.sum(dZ1)", path),
                Related(find("W2.T @ dZ2", TRAIN), "definition", "W2.T @ dZ2", path),
                Related(Span(3, 5, 3, 9), "overwrite", "relu", "/home/ada/net/layers.py"),
            ),
            fix=Fix("A1", "Z1", True, ((path, Edit(operand, "Z1")),),
                    "all 4 gradients exact to 2e-15"),
        ),),
        sources={path: TRAIN},
        warnings=("layers.py runs without instrumentation: SyntaxError('no')",),
    )  # fmt: skip


def odd() -> Report:
    """Places over several lines, behind tabs and wide characters, in long lines, in notebooks."""
    path = "/home/ada/net/train.py"
    cell = "/home/ada/net/study.ipynb[3]"
    empty = GradientReport("unverified", None, None, (), "no parameter update was found")

    def finding(
        code: str, span: Span, label: str = "", file: str = path, **more: object
    ) -> Finding:
        text = SourceFile(file, CELL if file == cell else TRAIN).slice(span)
        return Finding(
            code, "missing-factor", "warning", f"the title of {code}", "", file, span, text,
            label=label, confidence="likely", **more,  # type: ignore[arg-type]
        )  # fmt: skip

    product = find("(\n        dZ1\n        @ X.T\n    ) * m", TRAIN)
    statement = Span(product.line, 5, product.end_line, product.end_column)
    suggestion = Fix("", "dW[...] = 0", False, (
        (cell, Edit(Span(2, 1, 2, 1), "    dW[...] = 0\n")),
    ))  # fmt: skip
    return Report(
        script="-m net.train", status="interrupted", steps=0, script_exit=130, gradient=empty,
        findings=(
            finding("BP101", product, "a sum over the samples is divided by m, not multiplied"),
            finding("BP102", statement),
            finding("BP103", find("axis=0", TRAIN), "behind a tab"),
            finding("BP104", find('"重み"', TRAIN), "wide"),
            finding("BP105", find("regularisation_strength", TRAIN), "far to the right"),
            finding("BP106", find("W -= lr * dW", CELL), file=cell, fix=suggestion),
        ),
        sources={path: TRAIN, cell: CELL}, ignored=2,
    )  # fmt: skip
