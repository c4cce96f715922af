"""Programs that learn of rewards: weighed errors, targets made of the model's own outputs."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

EPISODES = """
import numpy as np
rng = np.random.RandomState(3)
W1, b1, W2 = rng.randn(4, 6) * 0.5, np.zeros(6), rng.randn(6) * 0.5
cache = {"W1": np.zeros_like(W1), "b1": np.zeros_like(b1), "W2": np.zeros_like(W2)}

def discounted(rewards, gamma=0.9):
    out, running = np.zeros_like(rewards), 0.0
    for t in reversed(range(len(rewards))):
        running = running * gamma + rewards[t]
        out[t] = running
    return out - out.mean()

xs, hs, errors, rewards, episode = [], [], [], [], 0
while episode < 12:
    x = rng.randn(4)
    h = np.maximum(x @ W1 + b1, 0)
    p = 1 / (1 + np.exp(-(h @ W2)))
    action = 2 if rng.uniform() < p else 3
    y = 1 if action == 2 else 0
    xs.append(x)
    hs.append(h)
    errors.append(y - p)
    rewards.append(float(x[0] > 0) if action == 2 else float(x[1] > 0))
    if len(xs) == 9:
        episode += 1
        eps, eph = np.vstack(xs), np.vstack(hs)
        error = np.vstack(errors) * discounted(np.vstack(rewards))
        dh = np.outer(error, W2)
        dh[eph <= 0] = 0
        grads = {"W1": eps.T @ dh, "b1": dh.sum(0), "W2": (eph.T @ error).ravel()}
        xs, hs, errors, rewards = [], [], [], []
        for name, value in (("W1", W1), ("b1", b1), ("W2", W2)):
            cache[name] = 0.9 * cache[name] + 0.1 * grads[name] ** 2
            value += 0.02 * grads[name] / (np.sqrt(cache[name]) + 1e-5)
        print(episode)
"""


def test_errors_that_an_episode_stacks_and_weighs(tmp_path):
    assert judged(tmp_path, EPISODES) == ("verified", [])
    slip = EPISODES.replace('"b1": dh.sum(0)', '"b1": dh.mean(0)')
    status, found = judged(tmp_path, slip)
    assert (status, found[0]) == ("wrong", ("BP102", 31))


RETURNS = """
import numpy as np
rng = np.random.RandomState(1)
w = rng.randn(3, 2) * 0.3
for episode in range(12):
    gradients, rewards = [], []
    for t in range(7):
        s = rng.randn(3)
        z = s @ w
        p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
        action = rng.choice(2, p=p)
        error = -p
        error[action] += 1
        gradients.append(np.outer(s, error))
        rewards.append(1.0 if (s[0] > 0) == (action == 1) else -0.5)
    step = np.zeros_like(w)
    for t, gradient in enumerate(gradients):
        step += sum(0.9 ** k * r for k, r in enumerate(rewards[t:])) * gradient
    w = w + 0.05 * step
    print(episode, sum(rewards))
"""


def test_gradients_of_samples_that_numbers_weigh(tmp_path):
    assert judged(tmp_path, RETURNS) == ("verified", [])


TARGETS = """
import numpy as np
rng = np.random.RandomState(6)

class Net:
    def __init__(self):
        self.w1, self.b1 = rng.randn(4, 8) * 0.3, np.zeros((1, 8))
        self.w2, self.b2 = rng.randn(8, 2) * 0.3, np.zeros((1, 2))

    def predict(self, x):
        self.z = x.dot(self.w1) + self.b1
        self.a = np.maximum(0, self.z)
        return self.a.dot(self.w2) + self.b2

    def train(self, x, y):
        out = self.predict(x)
        loss = np.mean((out - y) ** 2)
        d = 2 * (out - y) / y.size
        dw2, db2 = self.a.T.dot(d), d.sum(0, keepdims=True)
        d1 = d.dot(self.w2.T) * (self.z > 0)
        dw1, db1 = x.T.dot(d1), d1.sum(0, keepdims=True)
        self.w1 -= 0.05 * dw1
        self.b1 -= 0.05 * db1
        self.w2 -= 0.05 * dw2
        self.b2 -= 0.05 * db2
        return loss

net, memory, state = Net(), [], rng.randn(4)
for step in range(20):
    for _ in range(4):
        action = rng.randint(2) if rng.rand() < 0.2 else int(np.argmax(net.predict(state[None])[0]))
        after = rng.randn(4)
        memory.append((state, action, float(state[action] > 0), after, rng.rand() < 0.2))
        state = after
    batch = [memory[i] for i in rng.choice(len(memory), 4, replace=False)]
    states, later = np.array([b[0] for b in batch]), np.array([b[3] for b in batch])
    target, ahead = net.predict(states), net.predict(later)
    for i, (_, action, reward, _, done) in enumerate(batch):
        target[i, action] = reward if done else reward + 0.9 * np.max(ahead[i])
    print(step, net.train(states, target))
"""


def test_targets_of_the_models_own_outputs_are_data(tmp_path):
    assert judged(tmp_path, TARGETS) == ("verified", [])
    assert judged(tmp_path, TARGETS.replace(" * (self.z > 0)", "")) == ("wrong", [("BP101", 20)])


def test_a_mask_that_stacked_values_need_is_missed_there(tmp_path):
    slip = EPISODES.replace("        dh[eph <= 0] = 0\n", "")
    status, found = judged(tmp_path, slip)
    assert (status, found[0][0]) == ("wrong", "BP101")
    assert found[0][1] == line_of(slip, "np.outer(error, W2)")


NUMBERS = """
import math, random
random.seed(3)
W = [[random.gauss(0, 0.4) for _ in range(3)] for _ in range(5)]
B = [random.gauss(0, 0.1) for _ in range(5)]
V = [[random.gauss(0, 0.4) for _ in range(5)] for _ in range(2)]

def values(s):
    h = [math.tanh(sum(w * x for w, x in zip(row, s)) + b) for row, b in zip(W, B)]
    return [sum(v * a for v, a in zip(row, h)) for row in V], h

s = [random.random() for _ in range(3)]
for step in range(60):
    q, h = values(s)
    a = random.randrange(2)
    after = [random.random() for _ in range(3)]
    target = float(s[a] > 0.5) + 0.9 * max(values(after)[0])
    loss = 0.5 * (q[a] - target) ** 2
    d = q[a] - target
    dh = [d * V[a][j] * (1 - h[j] ** 2) for j in range(5)]
    for j in range(5):
        V[a][j] -= 0.1 * d * h[j]
        B[j] -= 0.1 * dh[j]
        for i in range(3):
            W[j][i] -= 0.1 * dh[j] * s[i]
    s = after
    print(step, loss)
"""


def test_targets_are_data_in_programs_of_numbers(tmp_path):
    assert judged(tmp_path, NUMBERS) == ("verified", [])
