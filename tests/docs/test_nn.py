"""The examples of docs/nn.md, in the order they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "nn.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with the pictures that the page speaks of."""
    from PIL import Image

    for name, brightness in (("cat", 60), ("dog", 200)):
        folder = tmp_path / "pets" / name
        folder.mkdir(parents=True)
        for index in range(4):
            Image.fromarray(np.full((20, 30, 3), brightness + index, np.uint8)).save(
                folder / f"{index}.jpg"
            )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    return tmp_path


def test_page(workplace):
    from matplotlib import pyplot

    text = PAGE.read_text("utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == text.count("```python")
    names = {}
    for block in blocks:
        if "import onnx" in block[1]:
            pytest.importorskip("onnx", reason='needs ONNX: pip install "backproof[onnx]"')
        # Blank lines before the block, so that a traceback shows the line of the page.
        source = "\n" * text[: block.start(1)].count("\n") + block[1]
        exec(compile(source, str(PAGE), "exec"), names)
    pyplot.close("all")
    written = {path.name for path in workplace.iterdir()} - {"pets"}
    assert written == {
        "boundary.png", "training.png", "model.safetensors", "model.onnx", "samples.npy",
    }  # fmt: skip


def test_page_names_its_test():
    named = re.findall(r"`(tests/[\w/]+\.py)`", PAGE.read_text("utf-8"))
    assert PAGE.parents[1] / named[0] == Path(__file__)
    assert all((PAGE.parents[1] / name).exists() for name in named)
