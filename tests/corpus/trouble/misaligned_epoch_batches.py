"""Wine from three valleys, in batches; each epoch deals the samples anew, but not the labels."""

import numpy as np

gen = np.random.RandomState(4)
valleys = np.array([[1.0, 0.2, -0.5], [-0.8, 1.1, 0.3], [0.1, -1.2, 0.9]])
wine = np.concatenate([v + 0.4 * gen.randn(40, 3) for v in valleys])
valley = np.repeat([0, 1, 2], 40)
truth = np.eye(3)[valley]

V = 0.3 * gen.randn(3, 8)
v = np.zeros(8)
U = 0.3 * gen.randn(8, 3)
u = np.zeros(3)
SIZE, RATE = 20, 0.2


def probabilities(score):
    e = np.exp(score - score.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


for epoch in range(60):
    gen.shuffle(wine)
    total = 0.0
    for at in range(0, len(wine), SIZE):
        some, goal = wine[at : at + SIZE], truth[at : at + SIZE]
        h = np.tanh(some @ V + v)
        p = probabilities(h @ U + u)
        total += -np.sum(goal * np.log(p)) / len(wine)
        delta = (p - goal) / len(some)
        back = delta @ U.T * (1 - h**2)
        U -= RATE * (h.T @ delta)
        u -= RATE * delta.sum(axis=0)
        V -= RATE * (some.T @ back)
        v -= RATE * back.sum(axis=0)
    if epoch % 15 == 0:
        print(f"epoch {epoch}: {total:.4f}")
