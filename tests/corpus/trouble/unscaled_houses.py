import numpy as np
rng = np.random.default_rng(2)
n = 120
area = rng.uniform(60, 250, n)
rooms = rng.integers(1, 7, n)
age = rng.uniform(0, 80, n)
X = np.column_stack([area, rooms, age])
y = (1.2 * area + 15 * rooms - 0.5 * age + rng.normal(0, 10, n)) / 100
w = np.zeros(3)
b = 0.0
lr = 1e-3
for i in range(500):
    e = X @ w + b - y
    loss = (e ** 2).mean()
    w -= lr * 2 * X.T @ e / n
    b -= lr * 2 * e.mean()
    if i % 100 == 0:
        print(i, loss)
