import numpy as np
class Logit:
    def __init__(self, d):
        self.w = np.zeros((d, 1)); self.b = 0.0
    def forward(self, X):
        self.A = 1.0 / (1.0 + np.exp(-(X.dot(self.w) + self.b)))
        return self.A
    def step(self, X, Y, lr):
        m = X.shape[0]
        A = self.forward(X)
        J = -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))
        dZ = A - Y
        self.w -= lr * X.T.dot(dZ) / m
        self.b -= lr * dZ.mean()
        return J
rng = np.random.RandomState(4)
X = rng.randn(160, 2)
side = X[:, 0] + 0.5 * X[:, 1] + 0.3 * rng.randn(160)
Y = np.where(side > 0, 1.0, -1.0).reshape(-1, 1)
model = Logit(2)
for i in range(300):
    J = model.step(X, Y, 0.1)
print(J)
