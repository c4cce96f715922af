import numpy as np

X = np.array([[1, 2, 0], [0, 1, 3], [2, 2, 1], [1, 0, 1], [3, 1, 2]])
y = np.array([3.0, 5.0, 6.0, 2.0, 7.0])
w = np.zeros(3)
for step in range(200):
    r = X @ w - y
    loss = np.mean(r ** 2)
    g = np.zeros_like(X[0])
    for i in range(len(X)):
        for j in range(3):
            g[j] += 2 * r[i] * X[i, j] / len(X)
    w = w - 0.01 * g
print(w, loss)
