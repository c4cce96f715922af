import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
y = (X @ np.array([1., -2., 0.5, 0.]) > 0).astype('uint8')
t = 2 * y - 1
w = np.zeros(4); b = 0.0
lr = 0.05
for i in range(300):
    f = np.tanh(X @ w + b)
    loss = np.mean((f - t) ** 2)
    g = 2 * (f - t) * (1 - f ** 2) / len(X)
    w = w - lr * (X.T @ g)
    b = b - lr * g.sum()
print(loss)
