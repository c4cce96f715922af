"""Warnings raised inside a hook, shown where the user's expression stands.

``np.log(0)`` warns of a division by zero in the frame that called it. When that is a hook's frame,
Python would name our file and line, and once only. Here such a warning is sent again from the
user's frame, so that filters, ``once per line`` and the quoted source are those of plain Python.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

from backproof.trace.frames import is_ours, users_frame

_original: Any = None


def install() -> None:
    """Start relocating warnings."""
    global _original
    if _original is None:
        _original = warnings._showwarnmsg  # type: ignore[attr-defined]
        warnings._showwarnmsg = _show  # type: ignore[attr-defined]


def uninstall() -> None:
    """Stop relocating warnings."""
    global _original
    if _original is not None:
        warnings._showwarnmsg = _original  # type: ignore[attr-defined]
        _original = None


def _show(message: warnings.WarningMessage) -> None:
    frame = sys._getframe(1)
    while frame.f_code.co_filename != message.filename and frame.f_back is not None:
        frame = frame.f_back
    user = users_frame(frame)
    if user is None or not is_ours(frame.f_code):
        _original(message)
        return
    # What is noted here as shown would silence the same warning of other lines of the program.
    frame.f_globals.get("__warningregistry__", {}).clear()
    once: dict[Any, Any] = warnings.onceregistry  # type: ignore[attr-defined]
    once.pop((str(message.message), message.category), None)
    warnings.warn_explicit(
        message.message,
        message.category,
        user.f_code.co_filename,
        user.f_lineno,
        module=user.f_globals.get("__name__") or "<unknown>",
        registry=user.f_globals.setdefault("__warningregistry__", {}),
        source=message.source,
    )
