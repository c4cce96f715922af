import numpy as np
np.random.seed(3)
n = 200
X = np.random.randn(n, 2)
Y = ((X ** 2).sum(1) > 1.4).astype(float).reshape(-1, 1)
np.random.shuffle(X)
W1 = np.random.randn(2, 10) ; b1 = np.zeros(10)
W2 = np.random.randn(10, 1) * .3; b2 = np.zeros(1)
for i in range(600):
    H = np.tanh(X @ W1 + b1)
    P = 1 / (1 + np.exp(-(H @ W2 + b2)))
    L = -np.mean(Y * np.log(P) + (1 - Y) * np.log(1 - P))
    d = (P - Y) / n
    gH = d @ W2.T * (1 - H ** 2)
    W2 -= 0.5 * H.T @ d; b2 -= 0.5 * d.sum(0)
    W1 -= 0.5 * X.T @ gH; b1 -= 0.5 * gH.sum(0)
print(L)
