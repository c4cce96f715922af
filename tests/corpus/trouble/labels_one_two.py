import numpy as np

rng = np.random.default_rng(18)
raw = np.column_stack([rng.normal(size=(100, 2)), rng.integers(1, 3, 100)])
raw[raw[:, 2] == 2, :2] += 1.5
features = raw[:, :2].T
target = raw[:, 2].reshape(1, -1)


def propagate(w, b, X, Y):
    A = 1 / (1 + np.exp(-(np.dot(w.T, X) + b)))
    cost = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / X.shape[1]
    dw = np.dot(X, (A - Y).T) / X.shape[1]
    db = np.sum(A - Y) / X.shape[1]
    return {'dw': dw, 'db': db}, cost


w, b = np.zeros((2, 1)), 0.0
for i in range(150):
    grads, cost = propagate(w, b, features, target)
    w = w - 0.05 * grads['dw']
    b = b - 0.05 * grads['db']
print(cost)
