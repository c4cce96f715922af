"""Runs a script, a module or a notebook as Python would, with the user's files instrumented.

The program gets its own ``sys.argv``, ``sys.path[0]`` and ``__main__``; its standard output, exit
status, tracebacks and warnings are those of plain Python.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import inspect
import linecache
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
from typing import Literal

from backproof.source import SourceFile
from backproof.trace import children, passthrough, relocate
from backproof.trace.frames import strip
from backproof.trace.imports import Finder, instrumented, is_testing
from backproof.trace.notebook import code_cells
from backproof.trace.rewrite import rewrite
from backproof.trace.uncaught import end


class CannotLaunch(Exception):
    """There is no such program; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class Target:
    """What to run: the path of a script, folder or notebook, or (`module`) what ``-m`` names."""

    name: str
    module: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    exit_status : int
        What plain Python's process would have returned.
    status : {'completed', 'raised', 'interrupted'}
    raised : BaseException or None
        The exception that nothing caught, our frames taken out.
    traceback_text : str
        Its traceback, which has been printed already.
    warnings : tuple of str
        Files that ran without instrumentation, and why.
    main : ModuleType
        The program's ``__main__``.
    """

    exit_status: int
    status: Literal["completed", "raised", "interrupted"]
    raised: BaseException | None
    traceback_text: str
    warnings: tuple[str, ...]
    main: ModuleType


def launch(
    target: Target,
    argv: Sequence[str],
    *,
    include: Iterable[str] = (),
    on_ready: Callable[[], object] | None = None,
    on_end: Callable[[], object] | None = None,
    stop: type[BaseException] | tuple[type[BaseException], ...] = (),
    restore: bool = True,
    show_plots: bool = False,
) -> Outcome:
    """Run a program to its end.

    Parameters
    ----------
    target : Target
    argv : sequence of str
        The program's own arguments.
    include : iterable of str
        Modules and packages to instrument besides the script's folder.
    on_ready : callable, optional
        Called when all is in place and the program's first line is next.
    on_end : callable, optional
        Called when the program has ended, in whatever way, and its objects are still alive.
    stop : exception type or tuple of them
        Exceptions by which hooks end the run; it then counts as completed.
    restore : bool
        Give the process its own ``sys.argv``, ``sys.path``, ``__main__`` … back. A process that
        exists for the program leaves them: threads and exit handlers may need them yet.
    show_plots : bool
        Let matplotlib choose its backend, which may open windows.

    Returns
    -------
    Outcome

    Raises
    ------
    CannotLaunch
        If there is no such program.
    SystemExit
        In a process that the program forked, when it comes to its end there.
    """
    process = os.getpid()
    notes: list[str] = []
    stage = ExitStack()
    try:
        if not show_plots and "MPLBACKEND" not in os.environ:
            # `plt.show()` must never wait for somebody to close a window.
            os.environ["MPLBACKEND"] = "Agg"
            stage.callback(os.environ.pop, "MPLBACKEND", None)
        program = _find(target, list(argv), tuple(include), notes, stage)
        raised: BaseException | None = None
        try:
            _run(program, on_ready)
        except stop:
            pass
        except BaseException as error:
            raised = error
        status, text = end(raised, notebook=target.name.endswith(".ipynb"))
        if os.getpid() != process:
            sys.exit(status)
        if on_end is not None:
            on_end()
        failed = raised is not None and not isinstance(raised, SystemExit)
        return Outcome(
            exit_status=status,
            status="completed" if not failed
            else "interrupted" if isinstance(raised, KeyboardInterrupt) else "raised",
            raised=raised if failed else None,
            traceback_text=text,
            warnings=tuple(notes),
            main=program.main,
        )  # fmt: skip
    finally:
        if restore and os.getpid() == process:
            stage.close()


# ---- what to run -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Program:
    """A program in place: its ``__main__`` module and its code, piece by piece."""

    main: ModuleType
    #: Functions that compile one piece, given the flags of the pieces before.
    pieces: Iterator[Callable[[int], CodeType]]


def _find(
    target: Target, argv: list[str], include: tuple[str, ...], notes: list[str], stage: ExitStack
) -> _Program:
    """Set the stage and find the program."""
    main = ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, __loader__=None)
    if sys.version_info < (3, 14):
        vars(main).update(__annotations__={})
    if target.module:
        folder = os.getcwd()
        _set(stage, main, ["-m", *argv], folder, include, notes)
        path, spec = _find_module(target.name)
        sys.argv[0] = path
        main.__dict__.update(
            __spec__=spec, __loader__=spec.loader, __package__=spec.parent, __file__=path,
            __cached__=spec.cached,
        )  # fmt: skip
        return _Program(main, iter([_piece(path, _read(path), notes)]))
    # Joined but not normalised, as Python does it: tracebacks show this path.
    path = os.path.join(os.getcwd(), target.name)
    if os.path.isdir(path):
        folder, path = path, os.path.join(path, "__main__.py")
        main.__package__ = ""
    else:
        folder = os.path.dirname(os.path.realpath(path))
    data = _read(path)
    if path.endswith(".ipynb"):
        try:
            cells = list(code_cells(path, data.decode("utf-8")))
        except ValueError as error:
            raise CannotLaunch(str(error)) from error
        _set(stage, main, [target.name, *argv], folder, include, notes)
        # Notebooks run in their own folder; `display` is IPython's.
        stage.callback(os.chdir, os.getcwd())
        os.chdir(folder)
        main.__dict__["display"] = _display
        return _Program(main, (_cell(cell, notes) for cell in cells))
    main.__dict__.update(
        __loader__=SourceFileLoader("__main__", path), __file__=path, __cached__=None
    )
    _set(stage, main, [target.name, *argv], folder, include, notes)
    return _Program(main, iter([_piece(path, data, notes)]))


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise CannotLaunch(f"can't open file {path!r}: {error.strerror}") from error


def _find_module(name: str) -> tuple[str, ModuleSpec]:
    """Return the file and the spec that ``python -m name`` runs."""
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            name += ".__main__"
            spec = importlib.util.find_spec(name)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise CannotLaunch(f"cannot find module {name}: {error}") from error
    if spec is None:
        raise CannotLaunch(f"no module named {name}")
    if spec.origin is None or not isinstance(spec.loader, SourceFileLoader):
        raise CannotLaunch(f"module {name} has no Python source")
    return spec.origin, spec


def _piece(path: str, data: bytes, notes: list[str]) -> Callable[[int], CodeType]:
    return lambda flags: instrumented(path, data, notes)


def _cell(cell: SourceFile, notes: list[str]) -> Callable[[int], CodeType]:
    """Return what compiles a notebook's cell."""

    def code(flags: int) -> CodeType:
        linecache.cache[cell.path] = (
            len(cell.text), None, [line + "\n" for line in cell.lines], cell.path
        )  # fmt: skip
        flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        failure: Exception
        try:
            return rewrite(cell, flags=flags)
        except Exception as error:
            failure = error
        plain: CodeType = compile(cell.text, cell.path, "exec", flags, dont_inherit=True)
        if is_testing():
            raise failure
        notes.append(f"{cell.path} runs without instrumentation: {failure!r}")
        return plain

    return code


def _display(*values: object) -> None:
    """Print `values`: what IPython's `display` does where there is no rich output."""
    for value in values:
        print(repr(value))


# ---- the stage ---------------------------------------------------------------------------------


def _set(
    stage: ExitStack,
    main: ModuleType,
    argv: list[str],
    folder: str,
    include: tuple[str, ...],
    notes: list[str],
) -> None:
    """Make the process look as the program expects it; `stage` learns how to undo it."""
    for owner, name, value in (
        (sys, "argv", argv),
        (threading, "excepthook", _thread_failed),
    ):
        stage.callback(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, value)
    stage.callback(sys.path.__setitem__, slice(None), sys.path[:])
    if not sys.flags.safe_path:
        sys.path[:1] = [folder]
    stage.callback(sys.modules.__setitem__, "__main__", sys.modules["__main__"])
    sys.modules["__main__"] = main
    finder = Finder(folder, include, notes)
    finder.install()
    stage.callback(finder.uninstall)
    children.watch_forks()
    passthrough.outlive_builtins()
    if not passthrough.is_installed():
        passthrough.install()
    relocate.install()
    stage.callback(relocate.uninstall)


def _thread_failed(arguments: threading.ExceptHookArgs) -> None:
    """Print the traceback of a thread as Python does, without our frames."""
    if arguments.exc_value is not None:
        strip(arguments.exc_value)
        arguments = threading.ExceptHookArgs(
            (
                arguments.exc_type,
                arguments.exc_value,
                arguments.exc_value.__traceback__,
                arguments.thread,
            )
        )
    threading.__excepthook__(arguments)


# ---- running -----------------------------------------------------------------------------------


def _run(program: _Program, on_ready: Callable[[], object] | None) -> None:
    namespace = program.main.__dict__
    flags = 0
    with ExitStack() as loop:
        wait: Callable[[object], object] | None = None
        for piece in program.pieces:
            code = piece(flags)
            flags |= code.co_flags & _FUTURES
            if on_ready is not None:
                on_ready()
                on_ready = None
            if not code.co_flags & inspect.CO_COROUTINE:
                exec(code, namespace)
                continue
            # A cell with `await` at its top: all of them share one event loop.
            wait = wait or _event_loop(loop)
            wait(eval(code, namespace))


def _event_loop(stack: ExitStack) -> Callable[[object], object]:
    """Return what runs a coroutine in an event loop that lives as long as `stack`."""
    # Imported here because it takes 40 ms, and few notebooks wait.
    import asyncio

    runner = stack.enter_context(asyncio.Runner())
    return lambda coroutine: runner.run(coroutine)  # type: ignore[arg-type]


def _futures() -> int:
    import __future__

    flags = 0
    for name in __future__.all_feature_names:
        flags |= getattr(__future__, name).compiler_flag
    return flags


#: Compiler flags of all ``from __future__`` imports, which later cells of a notebook inherit.
_FUTURES = _futures()
