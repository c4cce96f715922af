"""Mini-batches in float32 on blurred 8x8 'digits', momentum, accuracy after each epoch.

Shows: nothing to report. Rounding in single precision is a thousand times coarser than in double,
and is no bug.
"""
import argparse

import numpy as np


def make_digits(count, rng):
    templates = rng.random((10, 64)).astype(np.float32)
    labels = rng.integers(0, 10, count)
    images = templates[labels] + 0.35 * rng.standard_normal((count, 64)).astype(np.float32)
    return images, labels


def one_hot(labels):
    return np.eye(10, dtype=np.float32)[labels]


class MLP:
    def __init__(self, sizes, rng):
        self.weights = [
            (rng.standard_normal((a, b)) * np.sqrt(2 / a)).astype(np.float32)
            for a, b in zip(sizes[:-1], sizes[1:])
        ]
        self.biases = [np.zeros(b, dtype=np.float32) for b in sizes[1:]]
        self.velocity = [np.zeros_like(p) for p in self.weights + self.biases]

    def forward(self, x):
        self.activations = [x]
        for W, b in zip(self.weights[:-1], self.biases[:-1]):
            x = np.maximum(x @ W + b, 0)
            self.activations.append(x)
        logits = x @ self.weights[-1] + self.biases[-1]
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def backward(self, probabilities, y):
        delta = (probabilities - y) / len(y)
        dW, db = [], []
        for layer in range(len(self.weights) - 1, -1, -1):
            a = self.activations[layer]
            dW.insert(0, a.T @ delta)
            db.insert(0, delta.sum(axis=0))
            if layer:
                delta = (delta @ self.weights[layer].T) * (a > 0)
        return dW, db

    def update(self, dW, db, lr, momentum):
        for param, grad, v in zip(self.weights + self.biases, dW + db, self.velocity):
            v *= momentum
            v -= lr * grad
            param += v


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--epochs', type=int, default=3)
    parser.add_argument('--batch', type=int, default=32)
    args = parser.parse_args()
    rng = np.random.default_rng(17)
    x, labels = make_digits(640, rng)
    y = one_hot(labels)
    net = MLP([64, 32, 10], rng)
    for epoch in range(args.epochs):
        order = rng.permutation(len(x))
        losses = []
        for start in range(0, len(x), args.batch):
            batch = order[start:start + args.batch]
            p = net.forward(x[batch])
            losses.append(-np.mean(np.sum(y[batch] * np.log(p + 1e-12), axis=1)))
            net.update(*net.backward(p, y[batch]), lr=0.05, momentum=0.9)
        accuracy = np.mean(net.forward(x).argmax(axis=1) == labels)
        print(f'epoch {epoch}: loss {np.mean(losses):.3f}, accuracy {accuracy:.3f}')


if __name__ == '__main__':
    main()
