"""A very small framework: layers hold parameters and their gradients, an optimiser steps.

Gradients are accumulated over micro-batches, so they are cleared before each step.
"""
import numpy as np


class Parameter:
    def __init__(self, data):
        self.data = data
        self.grad = np.zeros_like(data)


class Linear:
    def __init__(self, fan_in, fan_out, rng):
        bound = np.sqrt(6.0 / (fan_in + fan_out))
        self.weight = Parameter(rng.uniform(-bound, bound, size=(fan_in, fan_out)))
        self.bias = Parameter(np.zeros(fan_out))

    def forward(self, x):
        self.x = x
        return x @ self.weight.data + self.bias.data

    def backward(self, grad_out):
        self.weight.grad += self.x.T @ grad_out
        self.bias.grad += grad_out.sum(axis=0)
        return grad_out @ self.weight.data.T

    def parameters(self):
        return [self.weight, self.bias]


class Softplus:
    def forward(self, x):
        self.x = x
        return np.log1p(np.exp(x))

    def backward(self, grad_out):
        return grad_out / (1 + np.exp(-self.x))

    def parameters(self):
        return []


class SumSquaredError:
    def __call__(self, prediction, target):
        self.diff = prediction - target
        return 0.5 * np.sum(self.diff ** 2)

    def backward(self):
        return self.diff


class SGD:
    def __init__(self, parameters, lr):
        self.parameters = list(parameters)
        self.lr = lr

    def zero_grad(self):
        for p in self.parameters:
            p.grad.fill(0.0)

    def step(self, scale=1.0):
        for p in self.parameters:
            p.data -= self.lr * scale * p.grad


def main():
    rng = np.random.default_rng(31)
    x = rng.uniform(-1, 1, size=(60, 2))
    target = np.column_stack([x[:, 0] * x[:, 1], np.abs(x[:, 0] - x[:, 1])])

    layers = [Linear(2, 6, rng), Softplus(), Linear(6, 6, rng), Softplus(), Linear(6, 2, rng)]
    criterion = SumSquaredError()
    optimizer = SGD([p for layer in layers for p in layer.parameters()], lr=0.3)

    for epoch in range(80):
        optimizer.zero_grad()
        running = 0.0
        for start in range(0, len(x), 20):
            out = x[start:start + 20]
            for layer in layers:
                out = layer.forward(out)
            running += criterion(out, target[start:start + 20])
            grad = criterion.backward()
            for layer in reversed(layers):
                grad = layer.backward(grad)
        optimizer.step(scale=1.0 / len(x))
        if epoch % 20 == 19:
            print(f"[{epoch + 1:>3}] loss {running / len(x):.5f}")


if __name__ == "__main__":
    main()
