import numpy as np

np.random.seed(5)
N = 256
inputs = np.random.randn(N, 6)
teacher = np.random.randn(6, 1)
targets = inputs.dot(teacher) + 0.05 * np.random.randn(N, 1)


class LinearModel(object):
    def __init__(self, n_in, step_size=0.9):
        self.w = 0.01 * np.random.randn(n_in, 1)
        self.c = np.zeros(1)
        self.step_size = step_size

    def predict(self, x):
        return x.dot(self.w) + self.c

    def fit_batch(self, x, y):
        err = self.predict(x) - y
        loss = np.mean(err ** 2)
        self.w -= self.step_size * 2 * x.T.dot(err) / len(x)
        self.c -= self.step_size * 2 * err.mean(axis=0)
        return loss


model = LinearModel(6)
for epoch in range(12):
    order = np.random.permutation(N)
    total = 0.0
    for start in range(0, N, 16):
        rows = order[start:start + 16]
        total += model.fit_batch(inputs[rows], targets[rows])
    print(epoch, total / (N // 16))
