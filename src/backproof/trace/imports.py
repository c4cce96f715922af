"""Which files are instrumented, and the import hook that does it."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

from backproof.source import SourceFile
from backproof.trace.rewrite import rewrite

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def is_testing() -> bool:
    """Whether our own errors are raised instead of being worked around."""
    return os.environ.get("BACKPROOF_TESTING", "") not in ("", "0")


def instrumented(path: str, data: bytes, notes: list[str]) -> CodeType:
    """Compile a file with hooks, or plainly where that fails; `notes` then says so.

    Raises
    ------
    SyntaxError
        Exactly as plain Python raises it.
    """
    failure: Exception
    try:
        return rewrite(SourceFile.decode(path, data))
    except Exception as error:
        failure = error
    code = compile(data, path, "exec", dont_inherit=True)
    if is_testing():
        raise failure
    notes.append(f"{path} runs without instrumentation: {failure!r}")
    return code


class InstrumentingLoader(SourceFileLoader):
    """Loads a module with hooks. Bytecode caches are neither read nor written."""

    def __init__(self, fullname: str, path: str, notes: list[str]) -> None:
        super().__init__(fullname, path)
        self._notes = notes

    def get_code(self, fullname: str) -> CodeType:
        """Return the module's instrumented code."""
        path = self.get_filename(fullname)
        return instrumented(path, self.get_data(path), self._notes)


class Finder:
    """Finds modules as Python does; those of the user's folder get the instrumenting loader.

    Parameters
    ----------
    folder : str
        The script's folder, with links resolved.
    include : iterable of str
        Modules and packages that are instrumented wherever they live.
    notes : list of str
        Told of files that cannot be instrumented.
    """

    def __init__(self, folder: str, include: Iterable[str], notes: list[str]) -> None:
        self._folder = os.path.join(folder, "")
        self._include = tuple(include)
        self._notes = notes
        library = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
        self._excluded = tuple(os.path.join(path, "") for path in (*library, _PACKAGE))
        #: Names of the modules that were loaded with hooks.
        self.loaded: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module on the path."""
        spec = PathFinder.find_spec(fullname, path, target)
        if (
            spec is not None
            and spec.origin is not None
            and type(spec.loader) is SourceFileLoader
            and self.wants(fullname, spec.origin)
        ):
            spec.loader = InstrumentingLoader(fullname, spec.origin, self._notes)
            self.loaded.add(fullname)
        return spec

    def invalidate_caches(self) -> None:
        """Have nothing to forget: Python's own finder keeps the caches."""

    def wants(self, fullname: str, origin: str) -> bool:
        """Whether the module in the file `origin` is the user's own code."""
        if any(fullname == name or fullname.startswith(name + ".") for name in self._include):
            return True
        if not origin.startswith(self._folder) or origin.startswith(self._excluded):
            return False
        return _INSTALLED.isdisjoint(origin[len(self._folder) :].split(os.sep))

    def install(self) -> None:
        """Stand before Python's own path finder, behind the finders that precede it."""
        finders: list[object] = list(sys.meta_path)
        index = finders.index(PathFinder) if PathFinder in finders else len(finders)
        sys.meta_path.insert(index, self)

    def uninstall(self) -> None:
        """Leave the list of finders, and forget the modules found: the next program has its own."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name in self.loaded:
            sys.modules.pop(name, None)
