import numpy as np

np.random.seed(12)

n_in, n_hidden = 10, 15
X = np.random.randn(150, n_in)
y = (X[:, [0]] - X[:, [1]] > 0).astype(float)


def sigmoid(v):
    return 1 / (1 + np.exp(-np.clip(v, -500, 500)))


W1 = 100 * np.random.randn(n_in, n_hidden)
b1 = np.zeros((1, n_hidden))
W2 = 0.1 * np.random.randn(n_hidden, 1)
b2 = np.zeros((1, 1))
lr = 0.1

for epoch in range(250):
    a1 = sigmoid(X @ W1 + b1)
    a2 = sigmoid(a1 @ W2 + b2)
    loss = np.mean((a2 - y) ** 2)
    d2 = 2 * (a2 - y) / len(y) * a2 * (1 - a2)
    d1 = d2 @ W2.T * a1 * (1 - a1)
    W2 -= lr * a1.T @ d2
    b2 -= lr * d2.sum(0, keepdims=True)
    W1 -= lr * X.T @ d1
    b1 -= lr * d1.sum(0, keepdims=True)
    if epoch % 50 == 0:
        print(epoch, loss)
