"""A logistic curve through dose and response, parameters in immutable tuples, Nesterov's momentum.

Nothing is changed in place: every step makes new tuples out of the old ones.
"""
from typing import NamedTuple

import numpy as np


class Layer(NamedTuple):
    w: np.ndarray
    b: np.ndarray


class Net(NamedTuple):
    first: Layer
    last: Layer


def each(f, *trees):
    if isinstance(trees[0], np.ndarray):
        return f(*trees)
    return type(trees[0])(*(each(f, *parts) for parts in zip(*trees)))


def forward(net, x):
    hidden = np.arctan(x @ net.first.w + net.first.b)
    return hidden, hidden @ net.last.w + net.last.b


def cross_entropy(logit, y):
    return np.mean(np.maximum(logit, 0) - logit * y + np.log1p(np.exp(-np.abs(logit))))


def backward(net, x, y):
    z = x @ net.first.w + net.first.b
    hidden = np.arctan(z)
    logit = hidden @ net.last.w + net.last.b
    d = (1 / (1 + np.exp(-logit)) - y) / len(x)
    last = Layer(hidden.T @ d, d.sum(0))
    d = d @ net.last.w.T / (1 + z ** 2)
    return cross_entropy(logit, y), Net(Layer(x.T @ d, d.sum(0)), last)


def step(net, speed, grads, eta, mu):
    norm = np.sqrt(sum(float(np.sum(g * g)) for layer in grads for g in layer))
    grads = each(lambda g: g / max(1.0, norm), grads)
    speed = each(lambda v, g: mu * v - eta * g, speed, grads)
    net = each(lambda p, v, g: p + mu * v - eta * g, net, speed, grads)
    return net, speed


def main():
    rng = np.random.default_rng(31)
    dose = rng.uniform(-2, 2, (150, 2))
    response = (dose[:, :1] * dose[:, 1:] + 0.3 * dose[:, :1] > rng.normal(0, 0.3, (150, 1))).astype(float)
    net = Net(Layer(rng.normal(0, 0.8, (2, 6)), np.zeros(6)), Layer(rng.normal(0, 0.5, (6, 1)), np.zeros(1)))
    speed = each(np.zeros_like, net)
    for n in range(400):
        loss, grads = backward(net, dose, response)
        net, speed = step(net, speed, grads, eta=0.2, mu=0.9)
        if n % 100 == 0:
            print(f"{n:4d}  cross-entropy {loss:.5f}")
    print("right:", np.mean((forward(net, dose)[1] > 0) == (response > 0)))


if __name__ == "__main__":
    main()
