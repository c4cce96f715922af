import numpy as np

np.random.seed(0)
m = 80
X = np.c_[np.ones(m), np.random.randn(m, 3)]
y = X @ np.array([0.5, 2.0, -1.0, 3.0]) + 0.1 * np.random.randn(m)

theta = np.zeros(4)
alpha = 2.4
iterations = 400

history = []
for i in range(iterations):
    residual = X @ theta - y
    cost = (residual @ residual) / (2 * m)
    history.append(cost)
    grad = X.T @ residual / m
    theta = theta - alpha * grad

print('first', history[0], 'last', history[-1])
