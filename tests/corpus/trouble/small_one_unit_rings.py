import numpy as np
np.random.seed(2)
t = np.random.rand(300, 1) * 2 * np.pi
r = np.repeat([1.0, 2.0], 150).reshape(-1, 1)
X = np.hstack([r * np.cos(t), r * np.sin(t)]) + 0.1 * np.random.randn(300, 2)
Y = np.repeat([0.0, 1.0], 150).reshape(-1, 1)
W1 = np.random.randn(2, 1); b1 = np.zeros((1, 1))
W2 = np.random.randn(1, 1); b2 = np.zeros((1, 1))
for i in range(400):
    H = np.tanh(X @ W1 + b1)
    P = 1 / (1 + np.exp(-(H @ W2 + b2)))
    cost = -np.mean(Y * np.log(P) + (1 - Y) * np.log(1 - P))
    dZ2 = (P - Y) / 300
    dZ1 = dZ2 @ W2.T * (1 - H ** 2)
    W2 -= 0.5 * H.T @ dZ2; b2 -= 0.5 * dZ2.sum(0, keepdims=True)
    W1 -= 0.5 * X.T @ dZ1; b1 -= 0.5 * dZ1.sum(0, keepdims=True)
print(cost)
