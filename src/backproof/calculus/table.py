"""The table of covered operations, ``docs/rules.md``, written from the rules themselves.

``python -m backproof.calculus.table`` writes it again; a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from backproof.calculus import (
    rules_autograd,
    rules_builtin,
    rules_creation,
    rules_elementwise,
    rules_index,
    rules_linalg,
    rules_linear,
    rules_numeric,
    rules_reduce,
    rules_scipy,
    rules_shape,
    rules_signal,
    rules_sort,
    rules_stats,
)
from backproof.calculus.rule import ABOUT, Rule
from backproof.trace.primitives import Attribute, Method, Mutated

SECTIONS: tuple[tuple[str, Any], ...] = (
    ("Python's operators, builtins and math", rules_builtin),
    ("Elementwise functions", rules_elementwise),
    ("Products", rules_linear),
    ("numpy.linalg", rules_linalg),
    ("Reductions and running sums", rules_reduce),
    ("Order", rules_sort),
    ("Convolution, padding, slopes", rules_signal),
    ("Rearrangements", rules_shape),
    ("Creation", rules_creation),
    ("Subscripts, stores and views", rules_index),
)

HEAD = f"""# Covered operations

Written by `python -m backproof.calculus.table`; do not edit.

backproof knows the derivative of these functions, and tests each against differences of the real
function. *by* are the parameters it differentiates by; *only at its default* are parameters that
must not change the result, or the call counts as unknown. Elementwise functions take no `where=`.

What is not listed is differentiated by central differences if it is a pure function of NumPy,
SciPy or `math` with no more than {rules_numeric.LARGEST} elements and no kink nearby. Anything else
is *unknown*: a gradient that depends on it is reported as `unverified`, never as wrong.
"""


def name_of(function: Any) -> str:
    """Return a function's name as programs write it."""
    if isinstance(function, Attribute):
        return f"x.{function.name}"
    if isinstance(function, Method):
        return f"x.{function.name}()"
    if isinstance(function, Mutated):
        return name_of(function.function) + " (in place)"
    if isinstance(function, np.ufunc):
        return f"np.{function.__name__}"
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"np.{owner.__name__}.{function.__name__}"
    module = str(getattr(function, "__module__", "") or "")
    name = str(function.__name__)
    if module.startswith("numpy"):
        for prefix, space in (("np.", np), ("np.linalg.", np.linalg)):
            if getattr(space, name, None) is function:
                return prefix + name
        return f"np.lib.stride_tricks.{name}"
    if module == "builtins":
        return name
    if module.startswith("backproof"):
        return PRIMITIVES[name]
    return f"{module.lstrip('_')}.{name}"


#: How a program writes what stands on the tape as a primitive.
PRIMITIVES = {
    "set_item": "x[key] = value",
    "ufunc_at": "ufunc.at(x, index, value)",
    "decided": "x if test else y",
    "stepped": "1 if test else 0",
    "overwrite": "np.copyto, x.fill(), x[...] = value",
    "strided_view": "any view of memory",
    "patch_view": "a store into a view of memory",
}


def _row(name: str, rule: Rule | None) -> str:
    known = ABOUT.get(rule) if rule is not None else None
    if known is None:
        note = (getattr(rule, "__doc__", "") or "").partition("\n")[0]
        return f"| `{name}` | | | {_cell(note)} |"
    free, refused, note = known
    return f"| `{name}` | {', '.join(free)} | {', '.join(sorted(refused))} | {_cell(note)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _section(title: str, rows: Iterable[str]) -> list[str]:
    head = ["", f"## {title}", "", "| function | by | only at its default | |", "|---|---|---|---|"]
    return head + sorted(set(rows))


def text() -> str:
    """Return the page."""
    lines = [HEAD.rstrip()]
    for title, module in SECTIONS:
        names = {name_of(function): rule for function, rule in module.RULES.items()}
        lines += _section(title, (_row(name, rule) for name, rule in names.items()))
    rows = [
        _row(f"{module}.{name}", rule)
        for module, table in rules_scipy.LAZY.items()
        for name, rule in table.items()
    ]
    rows += [_row(f"scipy.special.{name}", None) for name in rules_scipy.SPECIAL]
    rows += [
        f"| `scipy.stats.*.{name}` | {'q' if name == 'ppf' else 'x, loc, scale'} | | |"
        for name in rules_stats.CUMULATIVE
    ]
    laws = [f"scipy.stats.{law}.{name}" for law in rules_stats.SCORES for name in ("pdf", "logpdf")]
    rows += [f"| `{name}` | x, loc, scale | | |" for name in laws]
    rows.append("| `scipy.sparse`: `A @ x`, `A.dot(x)`, `A * x`, `x @ A`, `A - x` | x | | |")
    lines += _section("SciPy", rows)
    borrowed = rules_autograd.BORROWED.items()
    lines += _section(
        "By HIPS autograd",
        (
            f"| `{module.replace('numpy', 'np')}.{name}` | {free.replace(' ', ', ')} | | |"
            for (module, name), (_, _, free) in borrowed
        ),
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page into the repository's ``docs`` folder, or the file given."""
    default = Path(__file__).parents[3] / "docs" / "rules.md"
    Path(sys.argv[1] if len(sys.argv) > 1 else default).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
