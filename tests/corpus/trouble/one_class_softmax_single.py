import numpy as np

rng = np.random.default_rng(50)
X = rng.normal(size=(100, 3))
Y = (X[:, [0]] > 0).astype(float)
W = rng.normal(size=(3, 1)) * 0.1
b = np.zeros((1, 1))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


for i in range(200):
    P = softmax(X @ W + b)
    loss = np.mean((P - Y) ** 2)
    dZ = (P - Y) / len(X)
    W -= 0.1 * X.T @ dZ
    b -= 0.1 * dZ.sum(axis=0, keepdims=True)
print(loss, P[:3])
