#!/usr/bin/env python
"""One trunk, two heads: what kind of vehicle is it (3 classes) and how heavy (one number)?"""
import numpy as np


class MultiTaskNet:
    def __init__(self, rng, n_in, n_trunk, n_classes, w_reg=0.5):
        init = lambda *shape: rng.randn(*shape) * np.sqrt(1.0 / shape[0])
        self.params = {
            "trunk/W": init(n_in, n_trunk), "trunk/b": np.zeros(n_trunk),
            "kind/W": init(n_trunk, n_classes), "kind/b": np.zeros(n_classes),
            "mass/W": init(n_trunk, 1), "mass/b": np.zeros(1),
        }
        self.w_reg = w_reg

    def forward(self, x):
        p = self.params
        trunk = np.tanh(x @ p["trunk/W"] + p["trunk/b"])
        logits = trunk @ p["kind/W"] + p["kind/b"]
        log_z = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        mass = (trunk @ p["mass/W"] + p["mass/b"])[:, 0]
        return trunk, logits - log_z, mass

    def losses(self, x, kind, mass):
        _, log_p, guess = self.forward(x)
        ce = -log_p[np.arange(len(kind)), kind].mean()
        se = ((guess - mass) ** 2).mean()
        return ce, se

    def total_loss(self, x, kind, mass):
        ce, se = self.losses(x, kind, mass)
        return ce + self.w_reg * se

    def gradients(self, x, kind, mass):
        p, n = self.params, len(x)
        trunk, log_p, guess = self.forward(x)
        g = {}

        d_logits = np.exp(log_p)
        d_logits[np.arange(n), kind] -= 1.0
        d_logits /= n
        g["kind/W"] = trunk.T @ d_logits
        g["kind/b"] = d_logits.sum(axis=0)

        d_guess = self.w_reg * 2.0 * (guess - mass)[:, None] / n
        g["mass/W"] = trunk.T @ d_guess
        g["mass/b"] = d_guess.sum(axis=0)

        # both heads pull at the trunk
        d_trunk = d_logits @ p["kind/W"].T + d_guess @ p["mass/W"].T
        d_pre = d_trunk * (1.0 - trunk ** 2)
        g["trunk/W"] = x.T @ d_pre
        g["trunk/b"] = d_pre.sum(axis=0)
        return g


class NesterovSGD:
    def __init__(self, params, lr, mu):
        self.params, self.lr, self.mu = params, lr, mu
        self.v = {k: np.zeros_like(w) for k, w in params.items()}

    def update(self, grads):
        for k in self.params:
            v_prev = self.v[k]
            self.v[k] = self.mu * v_prev - self.lr * grads[k]
            self.params[k] += -self.mu * v_prev + (1 + self.mu) * self.v[k]


def vehicles(rng, n):
    kind = rng.randint(0, 3, n)
    length = np.array([2.2, 4.4, 9.0])[kind] + 0.6 * rng.randn(n)
    wheels = np.array([2, 4, 6])[kind] + (rng.rand(n) < 0.1)
    power = np.array([50, 110, 300])[kind] * np.exp(0.3 * rng.randn(n))
    mass = 0.12 * length ** 2 + 0.01 * power + 0.1 * rng.randn(n)
    x = np.column_stack([length, wheels, np.log(power), rng.randn(n)])
    return (x - x.mean(axis=0)) / x.std(axis=0), kind, (mass - mass.mean()) / mass.std()


if __name__ == "__main__":
    rng = np.random.RandomState(0)
    x, kind, mass = vehicles(rng, 250)
    net = MultiTaskNet(rng, 4, 7, 3)
    opt = NesterovSGD(net.params, lr=0.05, mu=0.9)
    for step in range(150):
        pick = rng.choice(200, 40, replace=False)
        opt.update(net.gradients(x[pick], kind[pick], mass[pick]))
        if step % 30 == 0:
            print("step %3d: total %.4f, on the batch" % (step, net.total_loss(x[pick], kind[pick], mass[pick])))
    ce, se = net.losses(x[200:], kind[200:], mass[200:])
    right = (net.forward(x[200:])[1].argmax(axis=1) == kind[200:]).mean()
    print("held out: cross-entropy %.3f, squared error %.3f, right kinds %.2f" % (ce, se, right))
