"""What every test shares."""

from __future__ import annotations

import os

import pytest

# In a user's run our own failures are told of in the report; under test they are raised.
os.environ["BACKPROOF_TESTING"] = "1"
# One thread: the same sums in the same order, and two workers do not fight over two cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file together where several processes run them, but for programs."""
    for item in items:
        call = getattr(item, "callspec", None)
        if call is None or "program" not in call.params:
            item.add_marker(pytest.mark.xdist_group(str(item.path)))
