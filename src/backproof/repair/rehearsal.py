"""Runs an edited program plain, without hooks, up to the end of the first wrong step.

What its parameters are then is held against what the true gradients lead to. A rehearsal takes
as long as the program itself, a trial many times that: only what passes here is tried.
"""

from __future__ import annotations

import ast
import builtins
import os
import runpy
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from backproof.names import Names
from backproof.repair.asking import Asked
from backproof.repair.expect import Expected, Wanted, agrees, verdict
from backproof.repair.guard import Guard
from backproof.repair.trial import Job, redirect, seed
from backproof.report.place import document
from backproof.roles import vector
from backproof.source import SourceFile

HOOK = "backproof_iteration"


class Enough(BaseException):
    """Ends the program when the question is answered."""


@dataclass(slots=True)
class Rehearsed:
    """What a rehearsal said.

    Attributes
    ----------
    verdict : str
        ``right``, ``unchanged``, ``wrong``, ``astray`` (parameters differ before the step), or
        ``failed``, where nothing is known.
    """

    verdict: str
    dirty: bool = False
    seconds: float = 0.0
    gathered: Any = None
    failure: str = ""
    paths: tuple[tuple[str, ...], ...] = ()
    """Where the pieces of each parameter were found."""


@dataclass(slots=True)
class Check:
    """Called at the top of each iteration of the training loop."""

    wanted: Expected | None
    files: set[str]
    texts: dict[str, str]
    iterations: int = 0
    answer: str = ""
    done: Any = None
    """Called with the number of iterations begun; true where the rest is not needed."""
    passing: set[str] = field(default_factory=set)
    choices: list[list[list[str]]] = field(default_factory=list)
    """Where the pieces of each parameter may be: several hold the same value at first."""
    paths: list[list[str]] = field(default_factory=list)

    def __call__(self) -> None:
        """An iteration begins."""
        if self.answer:
            raise Enough
        wanted = self.wanted
        if wanted is not None and self.iterations in (wanted.step, wanted.step + 1):
            values = self._read(wanted)
            if values is None:
                self.answer = "failed"
            elif self.iterations == wanted.step:
                same = all(
                    agrees(w, v, w.old) or _is(v, w.old, w.precision)
                    for w, v in zip(wanted.wanted, values, strict=True) if v.shape == w.old.shape
                )  # fmt: skip
                self.answer = "" if same else "astray"
            else:
                self.answer = verdict(wanted, values)
        self.iterations += 1
        if self.answer or (self.done is not None and self.done(self.iterations)):
            self.answer = self.answer or "failed"
            raise Enough

    def settle(self, answer: str) -> None:
        """Know the answer; the program need not run on."""
        self.answer = answer
        raise Enough

    def _read(self, wanted: Expected) -> list[Any] | None:
        places = Places(self.files, self.passing)
        if not self.choices:
            self.choices = [places.choices(one) for one in wanted.wanted]
        elif not self.paths:
            self.paths = [
                places.chosen(one, choices)
                for one, choices in zip(wanted.wanted, self.choices, strict=True)
            ]
        paths = self.paths or [[c[0] for c in choices] for choices in self.choices]
        try:
            return [vector(places.found[p] for p in row) for row in paths]
        except (KeyError, TypeError, ValueError):
            return None


class Places(Names):
    """The values at all paths, as the program's frames are now."""

    def __init__(self, files: set[str], passing: set[str]) -> None:
        self.found: dict[str, Any] = {}
        super().__init__(files, passing=passing)

    def _meet(
        self, value: Any, path: str, depth: int, holder: int, queue: Any, holder_path: str = ""
    ) -> None:
        super()._meet(value, path, depth, holder, queue, holder_path)
        if self.paths.get(id(value)) == path:
            # Variables of several functions have one name.
            while path in self.found and self.found[path] is not value:
                path += "'"
            self.found[path] = value

    def choices(self, wanted: Wanted) -> list[list[str]]:
        """Return where the pieces of a parameter may be: at the known paths, else by value."""
        rows: list[list[str]] = []
        at = 0
        by_size: dict[int, list[str]] = {}
        for path, size, known in zip(wanted.paths, wanted.sizes, wanted.known, strict=True):
            piece = wanted.old[at : at + size]
            at += size
            if path in self.found and _is(self.found[path], piece, wanted.precision):
                rows.append([path])
                continue
            if not by_size:
                for other, value in self.found.items():
                    if isinstance(value, (float, np.ndarray, np.generic)):
                        by_size.setdefault(int(np.size(value)), []).append(other)
            same = [p for p in by_size.get(size, ())
                    if _is(self.found[p], piece, wanted.precision)]  # fmt: skip
            same.sort(key=lambda p: (p.split(".")[-1] != known, len(p)))
            rows.append(same or [path])
        return rows

    def chosen(self, wanted: Wanted, choices: list[list[str]]) -> list[str]:
        """Return the choice whose value is, after the step, what the program makes of it."""
        paths: list[str] = []
        at = 0
        for size, choice in zip(wanted.sizes, choices, strict=True):
            piece = wanted.author[at : at + size]
            at += size
            fitting = [p for p in choice if p not in paths and p in self.found
                       and _is(self.found[p], piece, 1e-9)]  # fmt: skip
            paths.append((fitting or choice)[0])
        return paths


def _is(value: Any, piece: Any, precision: float) -> bool:
    try:
        flat = np.asarray(value, float).reshape(-1)
    except (TypeError, ValueError):
        return False
    if flat.shape != piece.shape:
        return False
    return bool((abs(flat - piece) <= precision * abs(piece)).all())


def rehearse(job: Job) -> Rehearsed:
    """Run a job in this process, which must exist for it alone."""
    started = time.perf_counter()
    guard = Guard(job.root)
    redirect(job, os.devnull)
    os.chdir(job.cwd)
    guard.install()
    warnings.resetwarnings()
    warnings.simplefilter("ignore")
    seed(job.seed)
    sys.dont_write_bytecode = True
    question = job.expected if isinstance(job.expected, Asked) else None
    wanted: Expected | None = None if question is not None else job.expected
    check = Check(wanted, set(), {})
    if question is not None:
        question.install(check.settle)
    if job.probe is not None:
        job.probe.install()
        check.done = job.probe.is_done
        check.wanted = None
    failure = ""
    try:
        _run(job, check, wanted)
    except Enough:
        pass
    except BaseException as error:
        failure = f"{type(error).__name__}: {error}"
    return Rehearsed(
        check.answer or "failed", guard.changed, time.perf_counter() - started,
        None if job.probe is None else job.probe.gathered, failure,
        tuple(tuple(row) for row in check.paths),
    )  # fmt: skip


def _run(job: Job, check: Check, wanted: Expected | None) -> None:
    setattr(builtins, HOOK, check)
    os.environ.setdefault("MPLBACKEND", "Agg")
    source = Sources(check, None if wanted is None else (wanted.path, job.loop))
    sys.meta_path.insert(0, source)
    if job.module:
        sys.path[:1] = [os.getcwd()]
        sys.argv = [job.target, *job.argv]
        runpy.run_module(job.target, run_name="__main__", alter_sys=True)
        return
    path = os.path.join(os.getcwd(), job.target)
    folder = os.path.dirname(os.path.realpath(path))
    if os.path.isdir(path):
        folder, path = path, os.path.join(path, "__main__.py")
    main = ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, __file__=path)
    sys.modules["__main__"] = main
    sys.argv = [job.target, *job.argv]
    sys.path[:1] = [folder]
    with open(path, "rb") as stream:
        data = stream.read()
    if not path.endswith(".ipynb"):
        exec(source.compiled(path, SourceFile.decode(path, data).text), main.__dict__)
        return
    from backproof.trace.notebook import code_cells

    del main.__dict__["__file__"]
    main.__dict__["display"] = print
    os.chdir(folder)
    for cell in code_cells(path, data.decode("utf-8")):
        exec(source.compiled(cell.path, cell.text), main.__dict__)


class Sources:
    """Compiles the program's files, with a call at the top of its training loop.

    Parameters
    ----------
    loop : (path, number) or None
        The file, and the loop's number among its loops.
    """

    def __init__(self, check: Check, loop: tuple[str, int] | None) -> None:
        self.check = check
        self.loop = loop

    def compiled(self, path: str, text: str) -> CodeType:
        """Compile one file or cell."""
        tree = ast.parse(text, path)
        self.check.files.add(path)
        if self.check.wanted is not None:
            self.check.passing |= assigned(tree)
        if self.loop is not None and os.path.realpath(document(path)[0]) == os.path.realpath(
            document(self.loop[0])[0]
        ) and document(path)[1] == document(self.loop[0])[1]:  # fmt: skip
            found = loops(tree)
            if self.loop[1] < len(found):
                _watch(found[self.loop[1]])
        return compile(tree, path, "exec", dont_inherit=True)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find the program's own modules, which are compiled here."""
        folder = os.path.realpath(sys.path[0]) + os.sep
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin is None or type(spec.loader) is not SourceFileLoader:
            return None
        real = os.path.realpath(spec.origin)
        if not real.startswith(folder) or "site-packages" in real:
            return None
        spec.loader = _Loader(name, spec.origin, self)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, sources: Sources) -> None:
        super().__init__(fullname, path)
        self._sources = sources

    def get_code(self, fullname: str) -> CodeType:
        """Return the module's code; caches are neither read nor written."""
        path = self.get_filename(fullname)
        return self._sources.compiled(path, SourceFile.decode(path, self.get_data(path)).text)


def assigned(tree: ast.Module) -> set[str]:
    """Return the names that the loops of a file assign (those of comprehensions live shortly)."""
    return {
        name.id for node in _statements(tree.body) if isinstance(node, ast.For)
        for name in ast.walk(node.target) if isinstance(name, ast.Name)
    }  # fmt: skip


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a body and of all bodies in it."""
    for node in body:
        yield node
        for name in ("body", "orelse", "finalbody"):
            inner = getattr(node, name, None)
            if type(inner) is list:
                yield from _statements(inner)
        for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            yield from _statements(part.body)


Loop = ast.For | ast.While | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def _watch(loop: Loop) -> None:
    """Call the hook at the top of each iteration."""
    if isinstance(loop, ast.For | ast.While):
        call: ast.AST = ast.parse(f"{HOOK}()").body[0]
        place: ast.AST = loop.body[0]
        loop.body.insert(0, call)  # type: ignore[arg-type]
    else:
        call = ast.parse(f"{HOOK}() is None", mode="eval").body
        place = loop.generators[0].iter
        loop.generators[0].ifs.insert(0, call)
    for node in ast.walk(call):
        ast.copy_location(node, place)


def loops(tree: ast.Module) -> list[Loop]:
    """Return the loops and comprehensions of a file in the order of its text."""
    found = [node for node in ast.walk(tree) if isinstance(node, Loop)]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def number_of(text: str, place: tuple[int, int]) -> int | None:
    """Return the number of the loop at a line and column, or of the comprehension behind it."""
    with suppress(SyntaxError, ValueError):
        file = SourceFile("", text)
        for number, loop in enumerate(loops(ast.parse("\n".join(file.lines)))):
            start = file.span_of(loop).start
            if start == place:
                return number
            element = loop.value if isinstance(loop, ast.DictComp) else getattr(loop, "elt", None)
            if start > place and isinstance(element, ast.Call):
                return number
    return None


def place_of(text: str, number: int) -> tuple[int, int] | None:
    """Return the line and column at which the loop of a number begins; no comprehension."""
    with suppress(SyntaxError, ValueError):
        file = SourceFile("", text)
        found = loops(ast.parse("\n".join(file.lines)))
        if number < len(found) and isinstance(found[number], ast.For | ast.While):
            return file.span_of(found[number]).start
    return None
