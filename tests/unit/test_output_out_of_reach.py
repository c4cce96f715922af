"""Troubles of programs that take samples one by one, or pool their units."""

from tests.unit.test_costs_meant import report
from tests.unit.test_faults_placed import line_of

STARS = """
import numpy as np
rng = np.random.default_rng(2)
users, items = 0.3 * rng.normal(size=(9, 3)), 0.3 * rng.normal(size=(8, 3))
w = 0.4 * rng.normal(size=6)
seen = [(i, j, float(rng.integers(1, 6))) for i in range(9) for j in range(8)]
for epoch in range(6):
    total = 0.0
    for i, j, stars in seen:
        x = np.concatenate([users[i], items[j]])
        out = np.tanh(x @ w)
        total += 0.5 * (out - stars) ** 2
        d = (out - stars) * (1 - out ** 2)
        dx = d * w
        w -= 0.02 * d * x
        users[i] -= 0.02 * dx[:3]
        items[j] -= 0.02 * dx[3:]
    print(total / len(seen))
"""


def test_labels_beyond_the_output_of_single_samples(tmp_path):
    found = report(tmp_path, STARS)["findings"][0]
    assert found["code"] == "BP402"
    assert "cannot be reached: the output lies in (-1, 1)" in found["title"]


POOLED = """
import numpy as np
rng = np.random.default_rng(4)
signals = 0.1 * rng.normal(size=(60, 20))
target = (np.arange(60) % 2).astype(float)
signals[target == 1, 5:8] += 0.8
windows = np.lib.stride_tricks.sliding_window_view(signals, 3, axis=1)
kernels, threshold = 0.3 * rng.normal(size=(4, 3)), -2.0 * np.ones(4)
w, c = 0.5 * rng.normal(size=4), 0.0
for step in range(60):
    pre = windows @ kernels.T + threshold
    act = np.maximum(pre, 0)
    pooled = act.mean(axis=1)
    p = 1 / (1 + np.exp(-(pooled @ w + c)))
    loss = -np.mean(target * np.log(p) + (1 - target) * np.log(1 - p))
    d = (p - target) / 60
    dpre = (d[:, None] * w / act.shape[1])[:, None, :] * (pre > 0)
    kernels -= 2.0 * np.tensordot(dpre, windows, axes=([0, 1], [0, 1]))
    threshold -= 2.0 * dpre.sum(axis=(0, 1))
    w -= 2.0 * pooled.T @ d
    c -= 2.0 * d.sum()
    if step % 20 == 0:
        print(loss)
"""


def test_units_that_are_pooled_may_be_dead(tmp_path):
    found = report(tmp_path, POOLED)["findings"][0]
    assert (found["code"], found["line"]) == ("BP305", line_of(POOLED, "kernels, threshold ="))


FILTER = """
import numpy as np
rng = np.random.default_rng(0)
taps = rng.normal(size=16) * np.exp(-np.arange(16) / 4.0)
signal = rng.normal(size=800)
wanted = np.convolve(signal, taps)[:800]
w, mu = np.zeros(16), 0.2
errors = np.zeros(800)
for n in range(16, 800):
    u = signal[n - 15:n + 1][::-1]
    e = wanted[n] - w @ u
    errors[n] = 0.5 * e ** 2
    w = w + mu * e * u
print(errors[-100:].mean())
"""


def test_steps_of_an_adaptive_filter_that_all_go_too_far(tmp_path):
    found = report(tmp_path, FILTER)["findings"][0]
    assert (found["code"], found["line"]) == ("BP301", line_of(FILTER, "w, mu ="))
    assert report(tmp_path, FILTER.replace("0.2\n", "0.01\n"))["findings"] == []
