"""What the user calls a value: ``self.W[1]``, found by walking the program's objects."""

from __future__ import annotations

import ast
import re
import sys
from collections import deque
from collections.abc import Sequence
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from backproof.trace.site import SITES
from backproof.trace.tape import Tape
from backproof.updates import Update

MOST_OBJECTS = 60_000
DEEPEST = 6
#: What an engine's numbers call their gradient.
SLOPE = re.compile(r"grad|deriv|adjoint|cotangent|delta|bar$", re.I)


class Names:
    """Paths of arrays and floats, looked up once for the frames that are running now.

    Parameters
    ----------
    files : set of str
        File names of instrumented sources: only their frames and globals are walked.
    earlier : dict of id to str
        Names given to the old values of the step after this one (it was judged first).
    passing : set of str, optional
        Names that loops assign; otherwise those of the instrumented sources.
    """

    def __init__(
        self, files: set[str], earlier: dict[int, str] | None = None, *,
        passing: set[str] | None = None,
    ) -> None:  # fmt: skip
        self.earlier = earlier or {}
        self.paths: dict[int, str] = {}
        self.parents: dict[int, tuple[int, str]] = {}
        """id(object) -> (id of the container that holds it, the container's path)."""
        self._objects: dict[int, Any] = {}
        """The containers met, by id; kept alive, so that no id is used twice."""
        passing = loop_targets(files) if passing is None else passing
        namespaces = _namespaces(files)
        self.variables = {k for namespace in namespaces for k in namespace if k not in passing}
        """Names of variables of frames that are running, and of globals."""
        for namespace in namespaces:
            self._walk({k: v for k, v in namespace.items() if k not in passing})
        for namespace in namespaces:
            self._walk({k: v for k, v in namespace.items() if k in passing})

    def _walk(self, roots: dict[str, Any]) -> None:
        queue: deque[tuple[Any, str, int]] = deque()
        for name, value in sorted(roots.items(), key=lambda item: item[0] != "self"):
            if not name.startswith(("__", "@", "_i", "_oh")):
                self._meet(value, name, 0, 0, queue)
        while queue and len(self.paths) < MOST_OBJECTS:
            value, path, depth = queue.popleft()
            if depth >= DEEPEST:
                continue
            for item, text in _children(value, path):
                self._meet(item, text, depth + 1, id(value), queue, path)

    def _meet(
        self, value: Any, path: str, depth: int, holder: int, queue: Any, holder_path: str = ""
    ) -> None:
        if id(value) in self.paths:
            return
        kind = type(value)
        if kind is float or isinstance(value, (np.ndarray, np.generic)):
            self.paths[id(value)] = path
            self.parents[id(value)] = (holder, holder_path)
        elif (
            kind in (list, tuple, dict) or hasattr(value, "__dict__") or hasattr(kind, "__slots__")
        ):
            if isinstance(value, (ModuleType, type)) or (callable(value) and not _is_layer(value)):
                return
            self.paths[id(value)] = path
            self.parents[id(value)] = (holder, holder_path)
            self._objects[id(value)] = value
            queue.append((value, path, depth))

    def path(self, obj: Any) -> str | None:
        """Return the path of an object, if any."""
        return self.paths.get(id(obj))

    def container(self, obj: Any) -> int:
        """Return an id of the list of numbers that holds a scalar, or of the matrix it is a row of.

        A matrix is a list of lists of one length; a list of layers mostly is none.
        """
        row, _ = self.parents.get(id(obj), (0, ""))
        matrix, _ = self.parents.get(row, (0, ""))
        rows = self._objects.get(matrix)
        if type(rows) is not list:
            return row
        if all(type(r) is list for r in rows):
            one_length = len({len(r) for r in rows}) == 1
            return matrix if one_length and not any(type(x) is list for x in rows[0]) else row
        # Objects of one number each, in a list of their own, count as one.
        return row if type(self._objects.get(row)) in (list, dict) else matrix

    def holder(self, obj: Any) -> Any:
        """Return the object that holds a value, if it was met."""
        return self._objects.get(self.parents.get(id(obj), (0, ""))[0])

    def is_seeded(self, obj: Any) -> bool:
        """Whether an engine's number has a gradient of 1 beside it: backward passes start there."""
        holder = self.holder(obj)
        return holder is not None and any(
            SLOPE.search(path.rpartition(".")[2]) and _is_one(value)
            for value, path in _children(holder, "")
        )

    def of(self, tape: Tape, updates: Sequence[Update]) -> str:
        """Name a parameter: the text of its assignment, or its path where a loop updates many."""
        first = updates[0]
        known = self.earlier.get(id(tape.nodes[first.new].obj))
        if known is not None:
            return known
        text = ""
        for index, _ in first.merges[-1:]:
            where = tape.operations[index].where
            text = where.targets[0] if where.targets else ""
            if not text and where.kind.startswith("aug"):
                text = where.text.partition("=")[0].rstrip("+-*/ ")
        path = self.path(tape.nodes[first.new].obj)
        if len(updates) > 1:
            _, holder_path = self.parents.get(id(tape.nodes[first.new].obj), (0, ""))
            names = {self.parents.get(id(tape.nodes[u.new].obj), (0, ""))[1] for u in updates}
            if len(names) == 1 and holder_path:
                return holder_path
            return text or holder_path or "parameter"
        simple = text.replace("_", "a").replace(".", "a").isalnum() and bool(text)
        if text in self.variables:
            return text
        if path is not None and (not simple or path.rpartition(".")[2] != text):
            if text and text.startswith("self.") and simple:
                return text
            return path
        return text or path or "parameter"


def loop_targets(files: set[str]) -> set[str]:
    """Return the names that loops assign: they name whatever came last, so they are used last."""
    names: set[str] = set()
    for text in {site.file.path: site.file.text for site in SITES}.values():
        if text not in _TARGETS:
            _TARGETS[text] = {
                name.id
                for node in ast.walk(ast.parse(text))
                if isinstance(node, (ast.For, ast.comprehension))
                for name in ast.walk(node.target)
                if isinstance(name, ast.Name)
            }
        names |= _TARGETS[text]
    return names


_TARGETS: dict[str, set[str]] = {}


def _is_layer(value: Any) -> bool:
    """Whether a callable object is one of the user's (a layer with ``__call__``)."""
    return hasattr(value, "__dict__") and type(value).__module__ not in ("builtins", "numpy")


def _is_one(value: Any) -> bool:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.size == 1 and value.dtype.kind in "iuf" and bool(value.item() == 1)
    return type(value) in (int, float) and value == 1


def _children(value: Any, path: str) -> Any:
    kind = type(value)
    if kind is dict:
        for key, item in list(value.items())[:2_000]:
            yield item, f"{path}[{key!r}]"
    elif kind in (list, tuple):
        for i, item in enumerate(value[:2_000]):
            yield item, f"{path}[{i}]"
    else:
        attributes = getattr(value, "__dict__", None)
        if isinstance(attributes, dict):
            for key, item in list(attributes.items())[:500]:
                yield item, f"{path}.{_written(key, kind)}"
        for key in getattr(kind, "__slots__", ()) or ():
            if isinstance(key, str) and hasattr(value, key):
                yield getattr(value, key), f"{path}.{key}"


def _written(key: str, kind: type) -> str:
    """Return an attribute as its class writes it: ``__weights``, not ``_Network__weights``."""
    if not key.startswith("_") or "__" not in key:
        return key
    owners = (f"_{k.__name__.lstrip('_')}" for k in kind.__mro__)
    return next((key[len(o) :] for o in owners if key.startswith(f"{o}__")), key)


def _namespaces(files: set[str]) -> list[dict[str, Any]]:
    """Return the namespaces of the user's running frames, then the globals of their modules."""
    found: list[dict[str, Any]] = []
    frame: FrameType | None = sys._getframe(1)
    modules: list[dict[str, Any]] = []
    while frame is not None:
        if frame.f_code.co_filename in files:
            if frame.f_locals is not frame.f_globals:
                found.append(dict(frame.f_locals))
            if not any(frame.f_globals is m for m in modules):
                modules.append(frame.f_globals)
        frame = frame.f_back
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) in files:
            namespace = vars(module)
            if not any(namespace is m for m in modules):
                modules.append(namespace)
    return found + [dict(m) for m in modules]
