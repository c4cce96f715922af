"""Stripes or checks: a small network trained by the sign of an average of its gradients."""
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Lion:
    """EvoLved Sign Momentum: every weight moves by the same amount, only the sign is learnt."""
    lr: float = 0.004
    b1: float = 0.9
    b2: float = 0.98
    wd: float = 0.01
    memory: dict = field(default_factory=dict)

    def update(self, weights, grads):
        for key, g in grads.items():
            m = self.memory.setdefault(key, np.zeros_like(g))
            direction = np.sign(self.b1 * m + (1 - self.b1) * g)
            weights[key] -= self.lr * (direction + self.wd * weights[key])
            m *= self.b2
            m += (1 - self.b2) * g


def picture(rng, kind):
    base = np.indices((5, 5)).sum(0) % 2 if kind else np.arange(25).reshape(5, 5) // 5 % 2
    if not kind and rng.random() < 0.5:
        base = base.T
    return (base + 0.35 * rng.standard_normal((5, 5))).ravel()


def loss_and_grads(w, x, t):
    pre = x @ w["hidden"] + w["shift"]
    act = np.maximum(0.1 * pre, pre)
    score = act @ w["read"] + w["bias"]
    loss = np.mean(np.logaddexp(0.0, score) - t * score)
    d_score = (1 / (1 + np.exp(-score)) - t) / len(x)
    d_act = np.outer(d_score, w["read"])
    d_pre = np.where(pre > 0, 1.0, 0.1) * d_act
    grads = {
        "hidden": x.T @ d_pre,
        "shift": d_pre.sum(axis=0),
        "read": act.T @ d_score,
        "bias": d_score.sum(keepdims=True),
    }
    return loss, grads


rng = np.random.default_rng(20)
t = rng.integers(0, 2, 240).astype(float)
x = np.stack([picture(rng, kind) for kind in t])
w = {
    "hidden": rng.normal(0, 0.2, (25, 8)), "shift": np.zeros(8),
    "read": rng.normal(0, 0.3, 8), "bias": np.zeros(1),
}
opt = Lion()
for epoch in range(25):
    order = rng.permutation(len(x))
    for rows in np.array_split(order, 8):
        loss, grads = loss_and_grads(w, x[rows], t[rows])
        opt.update(w, grads)
    if epoch % 8 == 0:
        print(f"epoch {epoch:2d}: loss of the last batch {loss:.4f}")
score = np.maximum(0.1 * (x @ w["hidden"] + w["shift"]), x @ w["hidden"] + w["shift"]) @ w["read"] + w["bias"]
print("right:", np.mean((score > 0) == (t == 1)))
