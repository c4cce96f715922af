import numpy as np

np.random.seed(42)


class Dataset:
    def __init__(self, n):
        self.inputs = np.random.uniform(-2, 2, (n, 2))
        self.targets = np.sin(self.inputs[:, :1]) + 0.5 * self.inputs[:, 1:]

    def shuffle(self):
        np.random.shuffle(self.inputs)
        np.random.shuffle(self.targets)


data = Dataset(180)
data.shuffle()
W = [np.random.randn(2, 15) * 0.6, np.random.randn(15, 1) * 0.3]
B = [np.zeros(15), np.zeros(1)]
for epoch in range(300):
    h = np.tanh(data.inputs @ W[0] + B[0])
    y = h @ W[1] + B[1]
    e = y - data.targets
    cost = 0.5 * np.mean(e ** 2)
    d = e / len(e)
    dh = d @ W[1].T * (1 - h ** 2)
    W[1] -= 0.1 * h.T @ d
    B[1] -= 0.1 * d.sum(0)
    W[0] -= 0.1 * data.inputs.T @ dh
    B[0] -= 0.1 * dh.sum(0)
print(cost)
