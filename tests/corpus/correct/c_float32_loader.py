import numpy as np
from types import SimpleNamespace

# float32 everywhere, data from a generator, gradients collected over micro-batches before a step

DTYPE = np.float32
cfg = SimpleNamespace(seed=7, n=256, d=5, hidden=(16, 8), micro=16, accumulate=2, lr=0.2, clip=1.0, epochs=8)


def as_float(a):
    return np.asarray(a, dtype=DTYPE)


class Param:
    def __init__(self, value):
        self.value = as_float(value)
        self.grad = np.zeros_like(self.value)


class MLP:
    def __init__(self, sizes, rng):
        self.W = [Param(rng.standard_normal((m, n)) * np.sqrt(2 / m)) for m, n in zip(sizes, sizes[1:])]
        self.b = [Param(np.zeros(n)) for n in sizes[1:]]

    def parameters(self):
        return self.W + self.b

    def zero_grad(self):
        for p in self.parameters():
            p.grad[...] = 0

    def forward(self, x):
        self.acts = [x]
        for k, (W, b) in enumerate(zip(self.W, self.b)):
            x = x @ W.value + b.value
            if k < len(self.W) - 1:
                x = np.maximum(x, 0)
            self.acts.append(x)
        return x[:, 0]

    def backward(self, dlogit):
        d = dlogit[:, None]
        for k in reversed(range(len(self.W))):
            self.W[k].grad += self.acts[k].T @ d
            self.b[k].grad += d.sum(axis=0)
            if k:
                d = (d @ self.W[k].value.T) * (self.acts[k] > 0)


def bce_with_logits(z, y):
    loss = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
    prob = 1 / (1 + np.exp(-z))
    return float(loss.mean()), (prob - y) / len(y)


def loader(x, y, size, rng):
    order = rng.permutation(len(x))
    for at in range(0, len(order) - size + 1, size):
        take = order[at:at + size]
        yield x[take], y[take]


def step(model):
    norm = np.sqrt(sum(float((p.grad.astype(np.float64) ** 2).sum()) for p in model.parameters()))
    shrink = DTYPE(min(1.0, cfg.clip / (norm + 1e-12)))
    for p in model.parameters():
        p.value -= DTYPE(cfg.lr) * shrink * p.grad
    return norm


def main():
    rng = np.random.default_rng(cfg.seed)
    x = as_float(rng.standard_normal((cfg.n, cfg.d)))
    y = as_float((x[:, 0] * x[:, 1] + 0.5 * x[:, 2] > 0))
    model = MLP((cfg.d, *cfg.hidden, 1), rng)
    for epoch in range(cfg.epochs):
        losses, norms = [], []
        model.zero_grad()
        for i, (xb, yb) in enumerate(loader(x, y, cfg.micro, rng), start=1):
            loss, dlogit = bce_with_logits(model.forward(xb), yb)
            losses.append(loss)
            model.backward(dlogit / DTYPE(cfg.accumulate))
            if i % cfg.accumulate == 0:
                norms.append(step(model))
                model.zero_grad()
        print(f"epoch {epoch}  loss {np.mean(losses):.4f}  norm {np.mean(norms):.3f}")
    accuracy = np.mean((model.forward(x) > 0) == (y == 1))
    print(f"training accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
