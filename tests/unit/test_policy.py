"""The recorder goes on without its policy where that fails."""

import pytest

from backproof.trace.recorder import Idle, Recorder


class Broken(Idle):
    def iteration(self, recorder, loop):
        raise RuntimeError("lost")


def test_a_policy_that_fails_is_told_of_and_left_out(monkeypatch):
    monkeypatch.setenv("BACKPROOF_TESTING", "")
    recorder = Recorder(Broken())
    assert recorder.ask(recorder.policy.iteration, None) is False
    assert recorder.failures == ["the recording ended early: RuntimeError: lost"]
    assert type(recorder.policy) is Idle


def test_under_test_it_is_raised(monkeypatch):
    monkeypatch.setenv("BACKPROOF_TESTING", "1")
    recorder = Recorder(Broken())
    with pytest.raises(RuntimeError, match="lost"):
        recorder.ask(recorder.policy.iteration, None)
