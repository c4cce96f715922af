import numpy as np

np.random.seed(2024)

##############################################################################
# Two hidden layers with inverted dropout, binary targets (multi-label)
##############################################################################
keep_prob1 = 0.8
keep_prob2 = 0.6
lr = 0.4
m = 100
X = np.random.randn(m, 6)
Y = np.c_[X[:, 0] + X[:, 1] > 0, X[:, 2] * X[:, 3] > 0, X.sum(axis=1) > 1].astype(np.float64)


class DropoutNet:
    def __init__(self, d, h1, h2, k):
        self.w1 = np.random.randn(d, h1) * np.sqrt(2 / d)
        self.b1 = np.full((1, h1), 0.1)
        self.w2 = np.random.randn(h1, h2) * np.sqrt(2 / h1)
        self.b2 = np.full((1, h2), 0.1)
        self.w3 = np.random.randn(h2, k) * np.sqrt(1 / h2)
        self.b3 = np.zeros((1, k))

    def feed(self, X, training=True):
        self.z1 = X @ self.w1 + self.b1
        self.a1 = np.maximum(self.z1, 0)
        if training:
            self.mask1 = (np.random.rand(*self.a1.shape) < keep_prob1) / keep_prob1
            self.a1 = self.a1 * self.mask1
        self.z2 = self.a1 @ self.w2 + self.b2
        self.a2 = np.maximum(self.z2, 0)
        if training:
            self.mask2 = (np.random.rand(*self.a2.shape) < keep_prob2) / keep_prob2
            self.a2 = self.a2 * self.mask2
        self.z3 = self.a2 @ self.w3 + self.b3
        self.p = 1 / (1 + np.exp(-self.z3))
        return self.p

    def back(self, X, Y):
        N = X.shape[0]
        d3 = (self.p - Y) / N
        dw3 = self.a2.T @ d3
        db3 = d3.sum(axis=0, keepdims=True)
        d2 = d3 @ self.w3.T
        d2 *= self.mask2
        d2 *= self.z2 > 0
        dw2 = self.a1.T @ d2
        db2 = d2.sum(axis=0, keepdims=True)
        d1 = d2 @ self.w2.T
        d1 *= self.mask1
        d1 *= self.z1 > 0
        dw1 = X.T @ d1
        db1 = d1.sum(axis=0, keepdims=True)
        for param, d in ((self.w1, dw1), (self.b1, db1), (self.w2, dw2),
                         (self.b2, db2), (self.w3, dw3), (self.b3, db3)):
            param -= lr * d


net = DropoutNet(6, 16, 16, 3)
losses = []
for epoch in range(1, 151):
    P = net.feed(X)
    losses.append(-(Y * np.log(P) + (1 - Y) * np.log(1 - P)).sum() / m)
    net.back(X, Y)
    if epoch % 50 == 0:
        print("epoch", epoch, "loss (with dropout)", losses[-1])

P = net.feed(X, training=False)
print("accuracy without dropout", ((P > 0.5) == Y).mean(axis=0))
