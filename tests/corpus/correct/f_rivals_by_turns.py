# Two small networks against each other. The judge learns twice in every round, once from real
# points and once from forged ones; the forger only moves in even rounds.
import numpy as np

rng = np.random.default_rng(11)
NOISE, WIDE, ROUNDS, N = 3, 8, 120, 24


def squash(v):
    return 1.0 / (1.0 + np.exp(-v))


forger = {"w": rng.normal(0, 0.7, (NOISE, WIDE)), "b": np.zeros(WIDE),
          "v": rng.normal(0, 0.7, (WIDE, 2)), "c": np.zeros(2)}
judge = {"w": rng.normal(0, 0.7, (2, WIDE)), "b": np.zeros(WIDE),
         "v": rng.normal(0, 0.7, (WIDE, 1)), "c": np.zeros(1)}


def forge(z):
    hidden = np.tanh(z @ forger["w"] + forger["b"])
    return hidden, hidden @ forger["v"] + forger["c"]


def verdict(x):
    hidden = np.tanh(x @ judge["w"] + judge["b"])
    return hidden, squash(hidden @ judge["v"] + judge["c"])


def judge_learns(x, label, rate=0.1):
    hidden, p = verdict(x)
    loss = -np.mean(label * np.log(p) + (1 - label) * np.log(1 - p))
    e = (p - label) / len(x)
    back = (e @ judge["v"].T) * (1 - hidden ** 2)
    judge["v"] -= rate * (hidden.T @ e)
    judge["c"] -= rate * e.sum(axis=0)
    judge["w"] -= rate * (x.T @ back)
    judge["b"] -= rate * back.sum(axis=0)
    return loss


def forger_learns(z, rate=0.05):
    inner, fake = forge(z)
    hidden, p = verdict(fake)
    loss = -np.mean(np.log(p))
    e = (p - 1.0) / len(z)
    on_points = ((e @ judge["v"].T) * (1 - hidden ** 2)) @ judge["w"].T
    back = (on_points @ forger["v"].T) * (1 - inner ** 2)
    forger["v"] -= rate * (inner.T @ on_points)
    forger["c"] -= rate * on_points.sum(axis=0)
    forger["w"] -= rate * (z.T @ back)
    forger["b"] -= rate * back.sum(axis=0)
    return loss


for turn in range(ROUNDS):
    real = np.array([1.5, -0.5]) + 0.4 * rng.normal(size=(N, 2))
    noise = rng.normal(size=(N, NOISE))
    seen = judge_learns(real, 1.0) + judge_learns(forge(noise)[1], 0.0)
    if turn % 2 == 0:
        fooled = forger_learns(noise)
    if turn % 30 == 0:
        print(f"round {turn:3d}  judge {seen:.4f}  forger {fooled:.4f}")
