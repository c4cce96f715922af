import numpy as np

np.random.seed(31)
X = np.random.rand(100, 2) * 2
Y = (X[:, 0] * X[:, 1])[:, None]

hidden = 10
learning_rate = 4.0

W1 = np.random.randn(2, hidden)
b1 = np.zeros((1, hidden))
W2 = np.random.randn(hidden, 1)
b2 = np.zeros((1, 1))

losses = []
for epoch in range(150):
    Z1 = X.dot(W1) + b1
    A1 = np.where(Z1 > 0, Z1, 0.0)
    out = A1.dot(W2) + b2
    losses.append(0.5 * np.mean((out - Y) ** 2))

    d_out = (out - Y) / len(X)
    d_W2 = A1.T.dot(d_out)
    d_b2 = d_out.sum(axis=0, keepdims=True)
    d_Z1 = d_out.dot(W2.T) * (Z1 > 0)
    d_W1 = X.T.dot(d_Z1)
    d_b1 = d_Z1.sum(axis=0, keepdims=True)

    W1 = W1 - learning_rate * d_W1
    b1 = b1 - learning_rate * d_b1
    W2 = W2 - learning_rate * d_W2
    b2 = b2 - learning_rate * d_b2

print(losses[0], losses[1], losses[-1])
