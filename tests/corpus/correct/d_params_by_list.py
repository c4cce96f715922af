# Two hidden layers whose weights and biases live in two lists; full batch, squared error.
import numpy as np


class Regressor:
    def __init__(self, sizes, rate, seed=4):
        rng = np.random.default_rng(seed)
        self.rate = rate
        self.w = [rng.normal(0, 1 / np.sqrt(m), (m, n)) for m, n in zip(sizes, sizes[1:])]
        self.b = [np.zeros(n) for n in sizes[1:]]

    def run(self, x):
        self.acts = [x]
        for i in range(len(self.w)):
            s = self.acts[-1] @ self.w[i] + self.b[i]
            self.acts.append(s if i == len(self.w) - 1 else np.tanh(s))
        return self.acts[-1]

    def slopes(self, target):
        gw, gb = [None] * len(self.w), [None] * len(self.b)
        delta = (self.acts[-1] - target) / len(target)
        for i in range(len(self.w) - 1, -1, -1):
            gw[i] = self.acts[i].T @ delta
            gb[i] = delta.sum(axis=0)
            if i:
                delta = (delta @ self.w[i].T) * (1 - self.acts[i] ** 2)
        return gw, gb

    def step(self, x, target):
        guess = self.run(x)
        loss = 0.5 * np.sum((guess - target) ** 2) / len(target)
        gw, gb = self.slopes(target)
        for i in range(len(self.w)):
            self.w[i] -= self.rate * gw[i]
        self.b = [b - self.rate * g for b, g in zip(self.b, gb)]
        return loss


rng = np.random.default_rng(11)
x = rng.uniform(-1, 1, (60, 3))
target = np.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:]
model = Regressor([3, 7, 5, 1], rate=0.3)
for epoch in range(120):
    loss = model.step(x, target)
    if epoch % 40 == 0:
        print(epoch, round(float(loss), 5))
print("end", round(float(loss), 5))
