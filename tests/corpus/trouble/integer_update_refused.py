import numpy as np
X = np.array([[1, 2], [2, 1], [3, 4], [0, 1]])
y = np.array([5, 4, 11, 2])
W = np.array([1, 0])
for epoch in range(200):
    e = X @ W - y
    W -= 0.02 * (X.T @ e)
print(W)
