"""What a program offers to its expressions: sizes, derivatives, keys, strengths of penalties."""

from __future__ import annotations

import ast
import re

from backproof.repair.candidate import Code, given, is_atomic
from backproof.repair.names import is_text

MOST_KEYS, MOST_CONSTANTS, MOST_INDICES, MOST_OPERANDS = 30, 6, 6, 7
_SIZE = re.compile(r"[\w.]+\.shape(\[-?\d+\])?|[\w.]+\.size|len\([\w.]+\)")
#: Names of what is no unit's value: gradients, weights, sizes, rates.
_NO_ACTIVATION = re.compile(
    r"(\w+\.)?(d[A-Z_]\w*|d[a-z]\d?$|d[a-z]\d?_\w+$|\w*diff|\w*grad|\w*delta|\w*err|\w*loss|\w*cost|\w*size|n_|num|lr|"
    r"\w*rate|eps|lam|alpha|beta|param|[WVUbB]\d?(\b|\[)|[jklmnt](\b|\[)|[A-Z]{2,}|epoch|idx|index|label)"
)
#: Names of factors: slopes, gains, masks, strengths.
STRENGTH = re.compile(r"(self\.)?\w*(slope|alpha|leak|lam|scale|beta|gamma|gain|eps|mask|keep)\w*")
#: Names of the strength of a penalty.
_PENALTY = re.compile(
    r"(\w+\.)?(lam\w*|lmb\w*|lbd\w*|λ\w*|l2\w*|reg\w*|decay|weight_decay|wd|alpha|beta"
    r"|penalty|ridge|C)",
    re.IGNORECASE,
)
_LOCAL = re.compile(r"(prime|deriv|grad|_d\b|\bd_|backward|slope|diff)", re.IGNORECASE)


def functions(code: Code) -> list[str]:
    """Return the names of the module's own functions."""
    return [s.name for s in code.tree.body if isinstance(s, ast.FunctionDef)]


def sizes(code: Code, around: ast.AST | None = None) -> list[str]:
    """Return the expressions by which the program divides: ``m``, ``len(x)``, ``X.shape[0]``.

    With `around`, a function, what it calls the sizes of axes, and the lengths of its arguments.
    """
    names = code.once(_divisors)
    if isinstance(around, ast.FunctionDef):
        lengths = [f"len({name})" for name in given(around)[:4]]
        names = list(dict.fromkeys([*_called_sizes(code, around), *names, *lengths]))
    return names


def _divisors(code: Code) -> list[str]:
    found: dict[str, int] = {}
    for node in code.nodes:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            text = bracketed(code, node.right)
            if len(text) <= 30 and "\n" not in text:
                found[text] = found.get(text, 0) + 1
        elif isinstance(node, ast.Subscript | ast.Call):
            text = code.text(node)
            if "\n" not in text and re.fullmatch(r"len\(.*\)|.*\.shape\[0\]", text):
                found.setdefault(text, 0)
    return sorted(found, key=lambda text: -found[text])[:8]


def _called_sizes(code: Code, function: ast.FunctionDef) -> list[str]:
    """Return the names that a function gives to sizes: ``N, D = x.shape``, ``D = x.shape[-1]``."""
    found: dict[str, None] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and _SIZE.fullmatch(code.text(node.value)):
            for target in node.targets:
                parts = target.elts if isinstance(target, ast.Tuple) else [target]
                found |= {part.id: None for part in parts if isinstance(part, ast.Name)}
    return [name for name in found if name != "_"]


def derivatives(code: Code, atoms: list[str]) -> list[tuple[str, float]]:
    """Return derivatives of activations as the author would write them, with their prices."""
    found: dict[str, float] = {}
    names: dict[str, None] = {}
    for node in code.nodes:
        if not isinstance(node, ast.Call):
            continue
        text = code.text(node)
        if "\n" in text or len(text) > 60:
            continue
        if any(k.arg and _LOCAL.search(k.arg) for k in node.keywords):
            found[text] = 1.0
            names[text] = None
        elif len(node.args) == 1 and _LOCAL.search(code.text(node.func)):
            found[text] = 1.0
            names[code.text(node.func)] = None
    for name in code.once(functions):
        if _LOCAL.search(name):
            names[name] = None
    for atom in atoms:
        if re.fullmatch(r"self\.\w*(prime|deriv)\w*", atom):
            names.setdefault(atom)  # a function that an object keeps
    values = [a for a in atoms if not _NO_ACTIVATION.match(a)]
    # What a function makes, and what it is made of, come first: ``self.ct = np.tanh(self.s)``.
    made = code.once(_applied)
    values = sorted(values, key=lambda a: a not in made)[:16]
    for name in names:
        for value in values:
            if "(" in name:
                head, _, rest = name.partition("(")
                _, comma, keywords = rest.partition(",")
                found.setdefault(f"{head}({value}{comma}{keywords}", 1.2)
            else:
                found.setdefault(f"{name}({value})", 1.2)
    for value in values:
        found[f"{value} * (1 - {value})"] = 1.4
        found[f"(1 - {value} ** 2)"] = 1.4
        found[f"({value} > 0)"] = 1.4
        found[f"(1 - {value})"] = 1.7
        found[f"(1 - np.tanh({value}) ** 2)"] = 1.6
    return list(found.items())


def _applied(code: Code) -> set[str]:
    """Return the texts of what a call with one argument makes, and of those arguments."""
    found: set[str] = set()
    for node in code.nodes:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        if len(node.value.args) == 1 and isinstance(node.value.args[0], ast.expr):
            found |= {code.text(node.value.args[0]), *(code.text(t) for t in node.targets)}
    return found


def penalties(code: Code, atoms: list[str]) -> list[str]:
    """Return terms ``strength * parameter`` that may be missing from a gradient.

    A strength that has no name where the gradient is formed is written as its number.
    """
    strengths = [a for a in atoms if _PENALTY.fullmatch(a)]
    known = {a.split(".")[-1] for a in strengths}
    numbers = [n for n, names in code.once(_numbers_of_strengths) if names - known]
    strengths += numbers[:2]
    scaled = [s for strength in strengths for s in (
        strength, f"2 * {strength}", *(f"{strength} / {size}" for size in sizes(code)[:3])
    )]  # fmt: skip
    return [f"{s} * {a}" for s in scaled for a in atoms if a not in strengths]


def _numbers_of_strengths(code: Code) -> list[tuple[str, set[str]]]:
    """Return the values of strengths that are given by default, or assigned, and the names."""
    found: dict[str, set[str]] = {}
    for node in code.nodes:
        pairs: list[tuple[str, ast.expr | None]] = []
        if isinstance(node, ast.arguments):
            names = [a.arg for a in (*node.posonlyargs, *node.args)]
            given = names[len(names) - len(node.defaults) :]
            pairs += zip(given, node.defaults, strict=True)
            pairs += zip((a.arg for a in node.kwonlyargs), node.kw_defaults, strict=True)
        elif isinstance(node, ast.keyword) and node.arg is not None:
            pairs.append((node.arg, node.value))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            pairs.append((node.targets[0].id, node.value))
        for name, value in pairs:
            number = value.value if isinstance(value, ast.Constant) else None
            if type(number) is float and number and _PENALTY.fullmatch(name):
                found.setdefault(repr(number), set()).add(name)
    return list(found.items())


def constants(code: Code) -> list[str]:
    """Return the numbers of a program's formulas: the 1.702 of ``x / (1 + np.exp(-1.702 * x))``."""
    found: dict[str, None] = {}
    for node in code.nodes:
        for part in (node.left, node.right) if isinstance(node, ast.BinOp) else ():
            part = part.operand if isinstance(part, ast.UnaryOp) else part
            number = part.value if isinstance(part, ast.Constant) else None
            if type(number) is float and 1e-3 < number < 1e3 and number not in (0.5, 1.0, 2.0):
                found[repr(number)] = None
    return list(found)[:MOST_CONSTANTS]


def keys(code: Code) -> list[str]:
    """Return the texts that the program uses as keys of dictionaries."""
    found: dict[str, None] = {}
    for node in code.nodes:
        if isinstance(node, ast.Subscript):
            parts: list[ast.expr | None] = [node.slice]
        else:
            parts = list(node.keys) if isinstance(node, ast.Dict) else []
        for part in parts:
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                found[part.value] = None
    return [key for key in found if re.fullmatch(r"\w+", key)][:MOST_KEYS]


def keys_beside(code: Code, own: str) -> list[str]:
    """Return the keys of dictionaries, those first that are written beside a key."""
    near: dict[str, None] = {}
    for node in code.nodes:
        if isinstance(node, ast.Dict):
            texts = [k.value for k in node.keys if isinstance(k, ast.Constant)]
            alike = [k for k in texts if isinstance(k, str)]
        elif isinstance(node, ast.Call):
            alike = [k.arg for k in node.keywords if k.arg is not None]
        else:
            continue
        if own in alike:
            near |= dict.fromkeys(alike)
    return list(dict.fromkeys([*list(near)[:MOST_KEYS], *code.once(keys)]))


def prefixes(code: Code) -> list[str]:
    """Return the texts that the program puts before a number to make a key: ``"dW" + str(l)``."""
    found: dict[str, None] = {}
    for node in code.nodes:
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add):
            continue
        if is_text(node.right) and isinstance(node.left, ast.Constant):
            found[code.text(node.left)] = None
    return list(found)[:MOST_KEYS]


def indices(code: Code, around: ast.AST) -> list[str]:
    """Return what a function uses as numbers of elements: ``-l``, ``l + 1`` of ``w[l + 1]``."""
    found: dict[str, None] = {}
    for node in ast.walk(around):
        number = node.slice if isinstance(node, ast.Subscript) else None
        if isinstance(number, ast.BinOp) and is_text(number.right):
            number = getattr(number.right, "args", [None])[0]
        turned = isinstance(number, ast.UnaryOp) and isinstance(number.operand, ast.Name)
        summed = isinstance(number, ast.BinOp) and isinstance(number.op, ast.Add | ast.Sub)
        if number is not None and (turned or summed):
            found[code.text(number)] = None
    return list(found)[:MOST_INDICES]


def ranges(code: Code, around: ast.AST) -> list[str]:
    """Return the slices that a function takes along an axis: ``r:r + k`` of ``x[r:r + k, :]``."""
    axes = (
        axis for node in ast.walk(around) if isinstance(node, ast.Subscript)
        for axis in (node.slice.elts if isinstance(node.slice, ast.Tuple) else ())
    )  # fmt: skip
    texts = (code.text(a) for a in axes if isinstance(a, ast.Slice) and a.lower and a.upper)
    return list(dict.fromkeys(texts))[:MOST_INDICES]


def bracketed(code: Code, node: ast.expr) -> str:
    """Return a node's text, in brackets unless it is atomic."""
    text = code.text(node)
    return text if is_atomic(text) else f"({text})"


def operands(code: Code, root: ast.expr) -> list[str]:
    """Return the distinct names, attributes and elements in an expression."""
    found: dict[str, None] = {}
    for node in ast.walk(root):
        if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            continue
        if not isinstance(node.ctx, ast.Load):
            continue
        parent = code.parents.get(node)
        if isinstance(parent, ast.Call) and parent.func is node:
            continue
        if isinstance(node, ast.Name) and node.id in ("np", "numpy", "math", "self"):
            continue
        if isinstance(node, ast.Attribute) and node.attr in ("T", "shape", "size"):
            continue
        found[code.text(node)] = None
    return [name for name in found if "\n" not in name][:MOST_OPERANDS]
