import numpy as np

np.random.seed(10)
images = np.random.randint(0, 256, (60, 16)).astype(float)
X = images / 255.0
W1 = np.random.randn(16, 5) * 0.2
W2 = np.random.randn(5, 16) * 0.2
b1 = np.zeros(5)
b2 = np.zeros(16)
s = lambda z: 1 / (1 + np.exp(-z))
for i in range(200):
    h = s(X @ W1 + b1)
    out = s(h @ W2 + b2)
    loss = np.mean((out - images) ** 2)
    d = 2 * (out - images) / images.size * out * (1 - out)
    dh = d @ W2.T * h * (1 - h)
    W2 -= 0.01 * h.T @ d
    b2 -= 0.01 * d.sum(0)
    W1 -= 0.01 * X.T @ dh
    b1 -= 0.01 * dh.sum(0)
print(loss)
