"""Sequential model with layer objects and an optimiser that visits (parameter, gradient) pairs."""
from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Tuple

import numpy as np

Array = np.ndarray


class Module:
    params: Dict[str, Array]
    grads: Dict[str, Array]

    def __init__(self) -> None:
        self.params, self.grads = {}, {}

    def __call__(self, x: Array) -> Array:
        return self.forward(x)


class Linear(Module):
    def __init__(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> None:
        super().__init__()
        limit = np.sqrt(6.0 / (fan_in + fan_out))
        self.params["w"] = rng.uniform(-limit, limit, (fan_in, fan_out))
        self.params["b"] = np.zeros(fan_out)

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.params["w"] + self.params["b"]

    def backward(self, grad: Array) -> Array:
        self.grads["w"] = self.x.T @ grad
        self.grads["b"] = grad.sum(axis=0)
        return grad @ self.params["w"].T


class LeakyReLU(Module):
    slope = 0.1

    def forward(self, x: Array) -> Array:
        self.mask = x > 0
        return np.where(self.mask, x, self.slope * x)

    def backward(self, grad: Array) -> Array:
        return np.where(self.mask, grad, self.slope * grad)


class ELU(Module):
    def forward(self, x: Array) -> Array:
        self.out = np.where(x > 0, x, np.expm1(x))
        return self.out

    def backward(self, grad: Array) -> Array:
        return grad * np.where(self.out > 0, 1.0, self.out + 1.0)


class Sequential(Module):
    def __init__(self, *layers: Module) -> None:
        super().__init__()
        self.layers: List[Module] = list(layers)

    def forward(self, x: Array) -> Array:
        for layer in self.layers:
            x = layer(x)
        return x

    def backward(self, grad: Array) -> Array:
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad

    def params_and_grads(self) -> Iterator[Tuple[Array, Array]]:
        for layer in self.layers:
            for name, param in layer.params.items():
                yield param, layer.grads[name]


@dataclass
class Adam:
    lr: float = 1e-2
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    t: int = 0
    moments: Dict[int, List[Array]] = field(default_factory=dict)

    def step(self, net: Sequential) -> None:
        self.t += 1
        for i, (param, grad) in enumerate(net.params_and_grads()):
            m, v = self.moments.setdefault(i, [np.zeros_like(param), np.zeros_like(param)])
            m += (1 - self.beta1) * (grad - m)
            v += (1 - self.beta2) * (grad**2 - v)
            m_hat = m / (1 - self.beta1**self.t)
            v_hat = v / (1 - self.beta2**self.t)
            param -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


class MSE:
    def loss(self, predicted: Array, actual: Array) -> float:
        return np.mean((predicted - actual) ** 2)

    def grad(self, predicted: Array, actual: Array) -> Array:
        return 2 * (predicted - actual) / predicted.size


def batches(inputs: Array, targets: Array, size: int, rng: np.random.Generator):
    order = rng.permutation(len(inputs))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield inputs[rows], targets[rows]


def main() -> None:
    rng = np.random.default_rng(2024)
    inputs = rng.normal(size=(160, 3))
    targets = np.column_stack([np.sin(inputs[:, 0]) + inputs[:, 1], inputs[:, 1] * inputs[:, 2]])
    net = Sequential(Linear(3, 12, rng), ELU(), Linear(12, 8, rng), LeakyReLU(), Linear(8, 2, rng))
    criterion, optim = MSE(), Adam()
    for epoch in range(40):
        total = 0.0
        for x, y in batches(inputs, targets, 32, rng):
            predicted = net(x)
            total += criterion.loss(predicted, y)
            net.backward(criterion.grad(predicted, y))
            optim.step(net)
        if epoch % 8 == 0:
            print(f"epoch {epoch:2d}  mse {total / 5:.4f}")
    print("final mse", round(float(criterion.loss(net(inputs), targets)), 4))


if __name__ == "__main__":
    main()
