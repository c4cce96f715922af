import numpy as np

rng = np.random.RandomState(60)
zeros = rng.randn(150, 2)
ones = rng.randn(150, 2) + 1.2
X = np.r_[zeros, ones]
y = np.r_[np.zeros(150), np.ones(150)]


class Logistic:
    def __init__(self):
        self.w, self.b = np.zeros(2), np.zeros(1)

    def batch(self, xb, yb, lr=2.0):
        p = 1 / (1 + np.exp(-(xb @ self.w + self.b)))
        self.loss = -np.mean(yb * np.log(p) + (1 - yb) * np.log(1 - p))
        d = (p - yb) / len(yb)
        self.w -= lr * xb.T @ d
        self.b -= lr * d.sum()


clf = Logistic()
for epoch in range(5):
    for i in range(0, 300, 25):
        clf.batch(X[i:i + 25], y[i:i + 25])
    print(epoch, clf.loss)
