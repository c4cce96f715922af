"""Places in texts: code points, not bytes; Python's line ends, not Unicode's."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.source import Edit, SourceFile, Span, cell_name

WIDE = "é = 'ñ𝔘'; y = (é +\n     'ß'); z = 1\n"


def nodes(text: str, kind: type[ast.expr]) -> list[ast.expr]:
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, kind)]


def test_columns_count_code_points() -> None:
    file = SourceFile("x.py", WIDE)
    (sum_,) = nodes(WIDE, ast.BinOp)
    assert file.span_of(sum_) == Span(1, 16, 2, 9)
    assert file.text_of(sum_) == "é +\n     'ß'"
    one = next(node for node in nodes(WIDE, ast.Constant) if getattr(node, "value", 0) == 1)
    assert file.span_of(one) == Span(2, 16, 2, 17)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends(newline: str) -> None:
    text = newline.join(["x = 'a\x0cb\x1c\u2028'", "y = (1 +", "  2)", ""])
    file = SourceFile("x.py", text)
    assert len(file.lines) == 4
    (sum_,) = nodes(text, ast.BinOp)
    assert file.text_of(sum_) == "1 +\n  2"
    assert file.line(1) == "x = 'a\x0cb\x1c\u2028'"
    assert file.line(0) == file.line(9) == ""


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n\\'\x00", exclude_categories=["Cs"])))
)
def test_every_constant_is_found_again(texts: list[str]) -> None:
    text = "x = [" + ", ".join(f"'{part}'" for part in texts) + "]"
    file = SourceFile("x.py", text)
    found = [file.text_of(node) for node in nodes(text, ast.Constant)]
    assert found == [f"'{part}'" for part in texts]


def test_edits() -> None:
    file = SourceFile("x.py", "a = b\r\nc = (d,\r\n  é)\r\n")
    edited = file.edited(
        [Edit(Span(2, 6, 3, 4), "f"), Edit(Span(1, 5, 1, 6), "g"), Edit(Span(1, 1, 1, 1), "h = ")]
    )
    assert edited.text == "h = a = g\r\nc = (f)\r\n"
    with pytest.raises(ValueError, match="edits overlap at line 1"):
        file.edited([Edit(Span(1, 1, 1, 3), ""), Edit(Span(1, 2, 1, 4), "")])


def test_spans() -> None:
    outer, inner = Span(1, 5, 3, 2), Span(1, 5, 2, 80)
    assert outer.contains(inner)
    assert outer.contains(outer)
    assert not inner.contains(outer)
    assert inner.until(outer) == Span(1, 5, 3, 2)


def test_declared_encoding(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"# coding: latin-1\nx = '\xe9'\n")
    assert SourceFile.read(path).line(2) == "x = 'é'"
    path.write_bytes(b"\xef\xbb\xbfx = 1\n")
    assert SourceFile.read(path).line(1) == "x = 1"
    path.write_bytes(b"# coding: nonsense\n")
    with pytest.raises(SyntaxError):
        SourceFile.read(path)


def test_cells_know_their_notebook() -> None:
    assert SourceFile(cell_name("a/net.ipynb", 3), "x", 3).document == "a/net.ipynb"
    assert SourceFile("a/net.py", "x").document == "a/net.py"
