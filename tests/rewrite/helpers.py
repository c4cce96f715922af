"""Runs one program plainly and instrumented, and tells what came of it."""

from __future__ import annotations

import builtins
import contextlib
import io
import linecache
import re
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from backproof.source import SourceFile
from backproof.trace import passthrough
from backproof.trace.frames import strip
from backproof.trace.rewrite import rewrite

PATH = "program.py"
#: Always the instrumented copies, never, or changing with every iteration and every call.
MODES = ("on", "off", "alternating")


@dataclass(frozen=True)
class Result:
    output: str
    names: dict[str, str]
    traceback: str


class _Alternating:
    """Stands for ``@bp.on``: another answer at every question."""

    def __init__(self) -> None:
        self.answer = True

    def __bool__(self) -> bool:
        self.answer = not self.answer
        return self.answer


def switch(mode: str) -> None:
    passthrough.install(on=mode == "on")
    if mode == "alternating":
        builtins.__dict__[passthrough.ON] = _Alternating()


def run(text: str, mode: str = "plain") -> Result:
    """Run `text` plainly or with hooks."""
    text = textwrap.dedent(text)
    linecache.cache[PATH] = (len(text), None, text.splitlines(keepends=True), PATH)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if mode == "plain":
            code = compile(text, PATH, "exec", dont_inherit=True)
        else:
            code = rewrite(SourceFile(PATH, text))
            switch(mode)
    return outcome(lambda namespace: exec(code, namespace))


def outcome(execute: Callable[[dict[str, Any]], None]) -> Result:
    namespace: dict[str, Any] = {"__name__": "program"}
    output, shown = io.StringIO(), ""
    with contextlib.redirect_stdout(output):
        try:
            execute(namespace)
        except BaseException as error:
            strip(error)
            shown = "".join(traceback.format_exception(error))
            # The frame of this function, and of the one that called `exec`.
            shown = re.sub(r'  File "[^"]*helpers\.py".*?(?=  File "program|\Z|^\S)', "", shown,
                           flags=re.S | re.M)  # fmt: skip
    names = {
        name: without_addresses(repr(value))
        for name, value in namespace.items()
        if not name.startswith("__")
    }
    return Result(without_addresses(output.getvalue()), names, without_addresses(shown))


def without_addresses(text: str) -> str:
    return re.sub(r"0x[0-9a-f]{6,}", "0x…", text)


@contextlib.contextmanager
def counted(*names: str) -> Iterator[list[tuple[Any, ...]]]:
    """Install hooks that note their calls: the name and the arguments behind the site."""
    calls: list[tuple[Any, ...]] = []

    def noting(name: str, plain: Any) -> Any:
        def hook(*arguments: Any) -> Any:
            calls.append((name.removeprefix("@bp."), *arguments[name != "@bp.slice" :]))
            return plain(*arguments)

        return hook

    hooks = {
        name: noting(name, plain)
        for name, plain in passthrough.HOOKS.items()
        if not names or name.removeprefix("@bp.") in names
    }
    passthrough.install(hooks, on=True)
    yield calls
    passthrough.install(on=True)
