"""The progress line never mixes with what the program prints."""

from __future__ import annotations

import io
import sys

import pytest

from backproof import progress
from backproof.progress import Progress

LINE = "\r\x1b[Kbackproof: {} steps in 0 s\r"
ERASE = "\x1b[K"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def on_screen(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put both of the program's streams on one terminal (pytest replaces them after fixtures)."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    return terminal


def test_a_print_erases_the_line_first(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_screen(monkeypatch)
    shown = Progress(screen)
    shown.show(1200)
    print("cost 0.5")
    shown.show(2400)
    shown.close()
    print("report")
    assert screen.getvalue() == (
        LINE.format("1,200") + ERASE + "cost 0.5\n" + LINE.format("2,400") + ERASE + "report\n"
    )
    assert "write" not in vars(screen)


def test_nothing_is_shown_in_the_middle_of_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_screen(monkeypatch)
    shown = Progress(screen)
    print("epoch 3 ...", end="")
    shown.show(7)
    assert screen.getvalue() == "epoch 3 ..."
    print(" done")
    shown.show(8)
    assert screen.getvalue().endswith(LINE.format("8"))


def test_short_runs_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_screen(monkeypatch)
    monkeypatch.setattr(progress, "PATIENCE", 60.0)
    shown = Progress(screen)
    shown.show(5)
    shown.close()
    assert screen.getvalue() == ""


def test_a_file_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_screen(monkeypatch)
    file = io.StringIO()
    monkeypatch.setattr(sys, "stdout", file)
    shown = Progress(screen)
    shown.show(5)
    print("cost 0.5", end="")
    shown.show(6)
    shown.close()
    assert file.getvalue() == "cost 0.5"
    assert screen.getvalue() == LINE.format("5") + LINE.format("6") + ERASE


def test_another_process_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_screen(monkeypatch)
    shown = Progress(screen)
    shown.show(5)
    before = screen.getvalue()
    monkeypatch.setattr(progress.os, "getpid", lambda: -1)
    shown.show(6)
    print("child")
    assert screen.getvalue() == before + "child\n"
