"""Lines at round numbers and by time, a bar on a terminal, silence elsewhere."""

from __future__ import annotations

import io

import pytest

from backproof.nn.progress import Epoch, duration, reporter, round_period, summary


class Clock:
    """Seconds that move when a test says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def epoch(number, total=4000, **more):
    return Epoch(
        number=number,
        total=total,
        cost=0.55132,
        learning_rate=1.2,
        measure_accuracy=more.pop("measure_accuracy", lambda: 0.7125),
        **more,
    )


def train(report, total, clock=None, seconds=0.0):
    """Do what fit does and return the numbers of the epochs that were shown."""
    shown = []
    for number in range(1, total + 1):
        if clock is not None:
            clock.now += seconds
        if report.wants(number):
            report(epoch(number, total))
            shown.append(number)
    return shown


def test_silence_wants_nothing_and_computes_nothing():
    stream = io.StringIO()
    with reporter(False, 4000, stream=stream) as report:
        assert train(report, 4000) == []
    assert stream.getvalue() == ""


def test_lines_at_round_numbers():
    stream = io.StringIO()
    with reporter(True, 4000, stream=stream, clock=Clock()) as report:
        assert train(report, 4000) == [1, *range(500, 4001, 500)]
    assert len(stream.getvalue().splitlines()) == 9


def test_chunks_end_where_lines_are_due():
    with reporter(True, 4000, stream=io.StringIO(), clock=Clock()) as report:
        assert [report.chunk(number) for number in (0, 1, 500, 750)] == [1, 499, 500, 250]
    with reporter(False, 4000) as report:
        assert report.chunk(0) > 10**9


def test_a_line_holds_cost_accuracy_and_time_left():
    clock, stream = Clock(), io.StringIO()
    with reporter(True, 4000, stream=stream, clock=clock) as report:
        clock.now += 20
        report(epoch(1000, validation_score=0.7))
    assert stream.getvalue() == (
        "epoch 1000/4000  cost 0.5513  accuracy 71.2 %  validation 70.0 %  0:01:00 left\n"
    )


def test_slow_epochs_are_shown_by_time():
    clock, stream = Clock(), io.StringIO()
    with reporter(1, 1000, stream=stream, clock=clock) as report:
        assert train(report, 1000, clock, seconds=1.0)[:4] == [1, 11, 21, 31]


@pytest.mark.parametrize("verbose", [2, "bar"])
def test_bar_on_a_terminal(verbose, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    with reporter(verbose, 40, stream=stream, clock=Clock()) as report:
        assert train(report, 40) == [1, 40]
    last = [line for line in stream.getvalue().splitlines() if "epoch" in line][-1]
    assert "40/40" in last
    assert "cost 0.5513  accuracy 71.2 %" in last
    assert "left" in last


def test_bar_becomes_lines_where_there_is_no_terminal():
    stream = io.StringIO()
    with reporter("bar", 10, stream=stream, clock=Clock()) as report:
        train(report, 10)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("epoch  1/10  cost ")


def test_standard_output_is_that_of_the_moment(capsys):
    with reporter(True, 1) as report:
        report(epoch(1, 1))
    assert capsys.readouterr().out.startswith("epoch 1/1  cost 0.5513")


def test_accuracy_is_measured_when_asked_for():
    calls = []

    def measure():
        calls.append(1)
        return 0.5

    state = epoch(1, measure_accuracy=measure)
    assert calls == []
    assert "accuracy 50.0 %" in summary(state)
    assert calls == [1]
    assert state.accuracy == 0.5


@pytest.mark.parametrize(
    ("total", "period"), [(1, 1), (10, 1), (11, 2), (200, 20), (300, 50), (4000, 500), (9999, 1000)]
)
def test_round_period(total, period):
    assert round_period(total, 10) == period


def test_duration():
    assert [duration(s) for s in (0, 59.6, 3599, 90061)] == [
        "0:00:00",
        "0:01:00",
        "0:59:59",
        "25:01:01",
    ]
