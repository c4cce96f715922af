"""What a search may take is counted in CPU time: a busy machine finds what an idle one finds."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backproof.options import RunOptions
from backproof.repair.hunt import Hunt
from backproof.repair.pool import BUSY, Pool
from backproof.repair.trial import Job
from backproof.repair.workshop import Program, Workshop

JOB = Job("train.py", (), ".", ".", "", RunOptions())


def burns(_: Job) -> str:
    while True:
        pass


def sleeps(job: Job) -> str:
    time.sleep(float(job.target))
    return "slept"


def answers(pool: Pool, job: Job) -> list[Any]:
    return [answer for _, answer in pool.run([("key", lambda slot: job)])]


def test_a_job_is_ended_by_the_processor_time_that_it_has_used() -> None:
    pool = Pool(1, 0.1, burns, lost=lambda seconds, why: why)
    assert answers(pool, JOB) == ["no end within 0.1 s"]
    assert pool.spent > 0


def test_a_job_that_waits_uses_none() -> None:
    pool = Pool(1, 0.2, sleeps, lost=lambda seconds, why: why)
    assert answers(pool, replace(JOB, target="0.3")) == ["slept"]
    assert pool.spent < 0.2


@pytest.mark.parametrize(("wall", "used", "spent"), [(2, 1, 1), (1, 2, 1), (8 * BUSY, 1, 8)])
def test_a_search_is_not_charged_for_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wall: float, used: float, spent: float
) -> None:
    (tmp_path / "train.py").write_text("pass\n")
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    monkeypatch.setattr(time, "process_time", lambda: 10.0)
    workshop = Workshop(Program("train.py", cwd=str(tmp_path)), RunOptions())
    hunt = Hunt(workshop, budget=5.0)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0 + wall)
    workshop.spent = used
    assert hunt.spent() == pytest.approx(spent)
    assert hunt.left() == pytest.approx(5.0 - spent)
