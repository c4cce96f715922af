"""How many steps are judged does not depend on what else the machine does."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from backproof import clock as module
from backproof.clock import Clock


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The time that `Clock` sees, by the wall and by the processor."""
    now = {"wall": 0.0, "cpu": 0.0}
    monkeypatch.setattr(
        module, "time",
        SimpleNamespace(perf_counter=lambda: now["wall"], process_time=lambda: now["cpu"]),
    )  # fmt: skip
    return now


def test_waiting_is_no_judging(times: dict[str, float]) -> None:
    clock = Clock()
    with clock.analysing():
        times["wall"] += 9.0
        times["cpu"] += 0.5
    assert (clock.analysis, clock.judging) == (9.0, 0.5)


def test_the_search_for_faults_is_apart(times: dict[str, float]) -> None:
    clock = Clock()
    with clock.analysing():
        times["cpu"] += 1.0
        with clock.apart():
            times["cpu"] += 3.0
            times["wall"] += 5.0
    assert (clock.analysis, clock.judging) == (5.0, 1.0)


def test_real_clocks() -> None:
    clock = Clock()
    with clock.analysing():
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass
    assert clock.judging > 0
    assert clock.analysis > 0
