import numpy as np
rng = np.random.RandomState(5)
X = rng.normal(size=(240, 3))
y = (X @ np.array([1., 2., -1.]) > 0).astype(float)
w = np.zeros(3); b = 0.0
def train(w, b):
    for epoch in range(60):
        rng.shuffle(X)
        p = 1 / (1 + np.exp(-(X @ w + b)))
        loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        g = (p - y) / 240
        w = w - 0.5 * X.T @ g
        b = b - 0.5 * g.sum()
    return w, b, loss
print(train(w, b))
