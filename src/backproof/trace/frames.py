"""Which stack frames are ours, and tracebacks without them."""

from __future__ import annotations

import os
from types import CodeType, FrameType, TracebackType

#: Code of this folder may stand between two frames of the user's program.
_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
_IMPORT_MACHINERY = "<frozen importlib."


def is_ours(code: CodeType) -> bool:
    """Whether `code` belongs to the machinery that runs the user's program."""
    return code.co_filename.startswith(_FOLDER)


def users_frame(frame: FrameType | None) -> FrameType | None:
    """Return the nearest frame, from `frame` outwards, that is not ours."""
    while frame is not None and is_ours(frame.f_code):
        frame = frame.f_back
    return frame


def strip(exception: BaseException) -> None:
    """Take our frames out of the tracebacks of `exception` and of all that it is linked to."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [exception]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if one.__traceback__ is not None:
            one.__traceback__ = stripped(one.__traceback__)
        waiting += (one.__cause__, one.__context__)
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions


def stripped(traceback: TracebackType | None) -> TracebackType | None:
    """Return `traceback` without our frames; entries are relinked in place.

    An import that fails inside our loader (a syntax error) leaves the frames of the import
    machinery that Python itself would have taken out: those directly above ours go too.
    """
    kept: list[TracebackType] = []
    removed = False
    while traceback is not None:
        if is_ours(traceback.tb_frame.f_code):
            removed = True
            while kept and _is_import_machinery(kept[-1]):
                kept.pop()
        elif not (removed and not kept and _is_import_machinery(traceback)):
            kept.append(traceback)
        traceback = traceback.tb_next
    if not kept or not removed:
        return kept[0] if kept else None
    for entry, following in zip(kept, [*kept[1:], None], strict=True):
        if entry.tb_next is not following:
            entry.tb_next = following
    return kept[0] if kept else None


def _is_import_machinery(entry: TracebackType) -> bool:
    return entry.tb_frame.f_code.co_filename.startswith(_IMPORT_MACHINERY)
