"""What a stream can show: colours, and how many columns."""

from __future__ import annotations

import os
from typing import TextIO

#: Columns of a report that goes to a file or a pipe.
ELSEWHERE = 100
NARROWEST = 40


def wants_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows colours (see https://no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal; a closed one is none."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def width_of(stream: TextIO) -> int:
    """Return the columns of a stream: ``COLUMNS``, else the terminal's, else 100."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns):
        return max(NARROWEST, int(columns))
    try:
        return max(NARROWEST, os.get_terminal_size(stream.fileno()).columns or ELSEWHERE)
    except (AttributeError, OSError, ValueError):
        return ELSEWHERE
