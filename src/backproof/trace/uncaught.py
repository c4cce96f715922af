"""What the interpreter does when a program ends: exit status, traceback, flushed streams."""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress

from backproof.trace.frames import strip

#: The exit status of a process that SIGINT ended, as a shell reports it.
INTERRUPTED = 130


def end(raised: BaseException | None, *, notebook: bool = False) -> tuple[int, str]:
    """Do what the interpreter does when a program ends; return exit status and traceback.

    The interpreter itself cannot quote the cells of a `notebook`, which are no files.
    """
    status, text = 0, ""
    if isinstance(raised, SystemExit):
        status = _exit_status(raised.code)
    elif raised is not None:
        strip(raised)
        text = "".join(traceback.format_exception(raised))
        if notebook and sys.excepthook is sys.__excepthook__:
            sys.stderr.write(text)
        else:
            _print(raised)
        status = INTERRUPTED if isinstance(raised, KeyboardInterrupt) else 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()
    return status, text


def _exit_status(code: object) -> int:
    """Return the process status of ``sys.exit(code)``; Python prints what is no number."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    with suppress(AttributeError, OSError, ValueError):
        sys.stdout.flush()
    print(code, file=sys.stderr)
    return 1


def _print(error: BaseException) -> None:
    """Hand an uncaught exception to `sys.excepthook`."""
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    with suppress(AttributeError, OSError, ValueError):
        sys.stdout.flush()
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except BaseException as second:
        strip(second)
        print("Error in sys.excepthook:", file=sys.stderr)
        sys.__excepthook__(type(second), second, second.__traceback__)
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(type(error), error, error.__traceback__)
