import numpy as np


class SoftmaxRegression(object):
    def __init__(self, features, classes, rate):
        self.W = np.random.RandomState(1).randn(features, classes)
        self.rate = rate

    def predict(self, X):
        scores = X.dot(self.W)
        expd = np.exp(scores)
        return expd / expd.sum(axis=1)[:, None]

    def fit(self, X, T, rounds):
        for r in range(rounds):
            probs = self.predict(X)
            loss = -np.sum(T * np.log(probs)) / len(X)
            self.W -= self.rate * X.T.dot(probs - T) / len(X)
        return loss


rs = np.random.RandomState(2)
X = rs.uniform(0, 255, size=(90, 8))
T = np.eye(3)[rs.randint(0, 3, 90)]
print(SoftmaxRegression(8, 3, 0.1).fit(X, T, 40))
