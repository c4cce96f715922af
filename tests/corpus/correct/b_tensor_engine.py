import numpy as np


class Tensor:
    """reverse mode, arrays, just the operations needed below"""

    def __init__(self, value, parents=()):
        self.value = np.asarray(value, dtype=float)
        self.parents = parents          # pairs (tensor, function from my gradient to its gradient)
        self.grad = np.zeros_like(self.value)

    def __add__(self, o):
        o = o if isinstance(o, Tensor) else Tensor(o)
        return Tensor(self.value + o.value,
                      [(self, lambda g: unbroadcast(g, self.value.shape)),
                       (o, lambda g: unbroadcast(g, o.value.shape))])

    def __mul__(self, o):
        o = o if isinstance(o, Tensor) else Tensor(o)
        return Tensor(self.value * o.value,
                      [(self, lambda g: unbroadcast(g * o.value, self.value.shape)),
                       (o, lambda g: unbroadcast(g * self.value, o.value.shape))])

    def __sub__(self, o):
        return self + o * -1.0

    def __matmul__(self, o):
        return Tensor(self.value @ o.value,
                      [(self, lambda g: g @ o.value.T),
                       (o, lambda g: self.value.T @ g)])

    def relu(self):
        return Tensor(self.value.clip(min=0), [(self, lambda g: g * (self.value > 0))])

    def sin(self):
        return Tensor(np.sin(self.value), [(self, lambda g: g * np.cos(self.value))])

    def sum(self, axis=None):
        def back(g):
            if axis is not None:
                g = np.expand_dims(g, axis)
            return np.broadcast_to(g, self.value.shape)
        return Tensor(self.value.sum(axis=axis), [(self, back)])

    def mean(self):
        return self.sum() * (1.0 / self.value.size)

    def log_softmax(self):
        shifted = self.value - self.value.max(axis=1, keepdims=True)
        out = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return Tensor(out, [(self, lambda g: g - np.exp(out) * g.sum(axis=1, keepdims=True))])

    def backward(self):
        order, seen = [], set()
        stack = [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((p, False) for p, _ in node.parents)
        self.grad = np.ones_like(self.value)
        for node in order[::-1]:
            for parent, pull in node.parents:
                parent.grad = parent.grad + pull(node.grad)


def unbroadcast(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    for axis, n in enumerate(shape):
        if n == 1 and g.shape[axis] != 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


def network(params, x):
    w1, b1, w2, b2, w3, scale = params
    a = (Tensor(x) @ w1 + b1).relu()
    b = (a @ w2 + b2).sin() + a
    return ((b * scale) @ w3).log_softmax()


def cost(params, x, onehot):
    logp = network(params, x)
    nll = (logp * onehot).sum(axis=1).mean() * -1.0
    w1, _, w2, _, w3, _ = params
    return nll + ((w1 * w1).sum() + (w2 * w2).sum() + (w3 * w3).sum()) * 1e-3


def rings(n, rng):
    kind = rng.integers(0, 3, n)
    radius = 0.5 + kind + 0.15 * rng.standard_normal(n)
    phi = rng.uniform(0, 2 * np.pi, n)
    return np.stack([radius * np.cos(phi), radius * np.sin(phi)], axis=1), np.eye(3)[kind]


rng = np.random.default_rng(6)
x, onehot = rings(90, rng)
params = [Tensor(0.7 * rng.standard_normal((2, 12))), Tensor(0.1 * rng.standard_normal(12)),
          Tensor(0.3 * rng.standard_normal((12, 12))), Tensor(np.zeros((1, 12))),
          Tensor(0.3 * rng.standard_normal((12, 3))), Tensor(np.ones((1, 12)))]
for step in range(60):
    for p in params:
        p.grad = np.zeros_like(p.value)
    c = cost(params, x, onehot)
    c.backward()
    for p in params:
        p.value -= 0.1 * p.grad
    if step % 15 == 0:
        hit = np.mean(network(params, x).value.argmax(1) == onehot.argmax(1))
        print(f"{step:3d} cost {float(c.value):.4f} hit rate {hit:.2f}")
