"""Which boards are defective? About one in thirty is."""
import numpy as np

rs = np.random.RandomState(65)
n = 900
defect = (rs.rand(n) < 0.035).astype(float).reshape(1, n)
boards = rs.randn(3, n) + 0.55 * defect
w1, b1 = 0.5 * rs.randn(5, 3), np.zeros((5, 1))
w2, b2 = 0.5 * rs.randn(1, 5), np.zeros((1, 1))
for i in range(400):
    h = np.tanh(w1 @ boards + b1)
    a = 1 / (1 + np.exp(-(w2 @ h + b2)))
    cost = -np.mean(defect * np.log(a) + (1 - defect) * np.log(1 - a))
    dz = (a - defect) / n
    dh = w2.T @ dz * (1 - h ** 2)
    w2 -= 0.5 * dz @ h.T
    b2 -= 0.5 * dz.sum(axis=1, keepdims=True)
    w1 -= 0.5 * dh @ boards.T
    b1 -= 0.5 * dh.sum(axis=1, keepdims=True)
    if i % 100 == 0:
        print(i, cost, np.mean((a > 0.5) == defect))
