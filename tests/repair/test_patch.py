"""Edits of files: what is not edited stays, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backproof.repair.patch import CannotPatch, diff, edited, patched, write
from backproof.source import Edit, Span


def at(line: int, start: int, stop: int, text: str) -> Edit:
    return Edit(Span(line, start, line, stop), text)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_survive(end: str) -> None:
    text = end.join(["a = 1", "b = a - 1  # keep", ""])
    assert edited(text, [at(2, 7, 8, "+")]) == end.join(["a = 1", "b = a + 1  # keep", ""])


def test_a_new_line_ends_as_its_neighbours() -> None:
    assert edited("a = 1\r\nb = 2\nc = 3\n", [at(1, 6, 6, "\nz = 0")]) == (
        "a = 1\r\nz = 0\r\nb = 2\nc = 3\n"
    )


def test_mixed_ends_and_a_missing_last_one_survive() -> None:
    assert edited("a\r\nb\nc", [at(3, 1, 2, "d")]) == "a\r\nb\nd"


def test_a_whole_line_can_be_removed() -> None:
    assert edited("a\nb\nc\n", [Edit(Span(2, 1, 3, 1), "")]) == "a\nc\n"


def test_encoding_and_byte_order_mark_survive() -> None:
    latin = "# -*- coding: latin-1 -*-\nσ = 'ü'\n".replace("σ", "s").encode("latin-1")
    assert patched(latin, [("f.py", at(2, 6, 7, "ö"))]) == latin.replace(b"\xfc", b"\xf6")
    marked = b"\xef\xbb\xbfa = 1\n"
    assert patched(marked, [("f.py", at(1, 5, 6, "2"))]) == b"\xef\xbb\xbfa = 2\n"


def test_text_that_the_encoding_lacks_is_refused() -> None:
    with pytest.raises(CannotPatch, match="iso-8859-1"):
        patched(b"# coding: latin-1\na = 1\n", [("f.py", at(2, 5, 6, "'\u03b4'"))])


def test_overlapping_edits_are_refused() -> None:
    with pytest.raises(CannotPatch, match="overlap"):
        edited("abcdef", [at(1, 1, 4, "x"), at(1, 3, 5, "y")])


@pytest.mark.parametrize("indent", [1, 2, None])
def test_a_notebook_keeps_its_layout(indent: int | None) -> None:
    notebook = {
        "cells": [
            {"cell_type": "markdown", "source": ["# über"]},
            {"cell_type": "code", "source": ["a = 1\n", "b = 2"], "outputs": [{"text": "µ"}]},
        ],
        "nbformat": 4,
    }
    data = (json.dumps(notebook, indent=indent, ensure_ascii=False) + "\n").encode()
    assert patched(data, [("n.ipynb[1]", at(2, 5, 6, "3"))]) == data.replace(b"b = 2", b"b = 3")


def test_the_old_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_bytes(b"old")
    path.chmod(0o750)
    kept = write(str(path), b"old", b"new")
    assert path.read_bytes() == b"new"
    assert Path(kept) == tmp_path / "train.py.orig"
    assert Path(kept).read_bytes() == b"old"
    assert path.stat().st_mode & 0o777 == 0o750
    assert write(str(path), b"new", b"newer").endswith("train.py.orig2")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "train.py", "train.py.orig", "train.py.orig2",
    ]  # fmt: skip


def test_a_changed_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_bytes(b"edited since")
    with pytest.raises(CannotPatch, match="changed in the meantime"):
        write(str(path), b"old", b"new")
    assert path.read_bytes() == b"edited since"


def test_the_diff_is_unified() -> None:
    lines = diff("t.py", b"a\nb\n", b"a\nc\n").splitlines()
    assert lines == ["--- a/t.py", "+++ b/t.py", "@@ -1,2 +1,2 @@", " a", "-b", "+c"]
