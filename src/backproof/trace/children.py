"""Child processes of the user's program run plainly; our own keep the recorder."""

from __future__ import annotations

import functools
import os

from backproof.trace import passthrough

_keeps_hooks = False


@functools.cache
def watch_forks() -> None:
    """Make forked children of the program run without the recorder, from now on.

    Spawned children start from a fresh interpreter that knows nothing of us.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_run_plainly)


def _run_plainly() -> None:
    if passthrough.is_installed() and not _keeps_hooks:
        passthrough.install(on=False)


def fork_recording() -> int:
    """`os.fork`, with a child that goes on recording."""
    global _keeps_hooks
    _keeps_hooks = True
    try:
        return os.fork()
    finally:
        _keeps_hooks = False
