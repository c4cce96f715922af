import numpy as np

year = np.arange(1950, 2020, dtype=float)
anomaly = 0.015 * (year - 1950) - 0.2 + 0.1 * np.sin(year)


class LinearModel:
    def __init__(self, lr):
        self.slope, self.intercept, self.lr = 0.0, 0.0, lr

    def train_step(self, x, y):
        pred = self.slope * x + self.intercept
        diff = pred - y
        self.loss = np.mean(diff ** 2)
        self.slope = self.slope - self.lr * 2 * np.mean(diff * x)
        self.intercept = self.intercept - self.lr * 2 * np.mean(diff)


model = LinearModel(lr=0.01)
for i in range(60):
    model.train_step(year, anomaly)
print(model.loss)
