import numpy as np
X = np.array([[1, 2], [2, 1], [3, 4], [0, 1]])
y = np.array([5, 4, 11, 2])
W = np.array([0.3, -0.2])
for epoch in range(200):
    pred = np.zeros_like(y)
    for i in range(len(X)):
        pred[i] = X[i] @ W
    loss = np.mean((pred - y) ** 2)
    grad = 2 * X.T @ (pred - y) / len(y)
    W -= 0.02 * grad
print(W, loss)
