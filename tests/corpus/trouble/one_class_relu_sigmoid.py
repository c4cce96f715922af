import numpy as np
rng = np.random.default_rng(4)
X = rng.normal(size=(120, 3))
Y = (X.sum(1, keepdims=True) > 0).astype(float)
W1 = rng.normal(size=(3, 8)) * .6; b1 = np.zeros((1, 8))
W2 = rng.normal(size=(8, 1)) * .6; b2 = np.zeros((1, 1))
relu = lambda v: np.maximum(v, 0)
for k in range(300):
    Z1 = X @ W1 + b1
    A1 = relu(Z1)
    Z2 = A1 @ W2 + b2
    R = relu(Z2)
    P = 1 / (1 + np.exp(-R))
    loss = -np.mean(Y * np.log(P) + (1 - Y) * np.log(1 - P))
    d = (P - Y) / 120 * (Z2 > 0)
    dA = d @ W2.T * (Z1 > 0)
    W2 -= .3 * A1.T @ d; b2 -= .3 * d.sum(0, keepdims=True)
    W1 -= .3 * X.T @ dA; b1 -= .3 * dA.sum(0, keepdims=True)
print(loss)
