import numpy as np

np.random.seed(0)
params = {}
params["W1"] = np.random.randn(6, 2) * 0.7
params["b1"] = 25 * np.ones((6, 1))
params["W2"] = np.random.randn(1, 6) * 0.4
params["b2"] = np.zeros((1, 1))

X = np.random.randn(2, 200)
Y = (X[0:1] * X[1:2] > 0).astype(float)
m = X.shape[1]

for i in range(400):
    Z1 = np.dot(params["W1"], X) + params["b1"]
    A1 = 1 / (1 + np.exp(-Z1))
    Z2 = np.dot(params["W2"], A1) + params["b2"]
    A2 = 1 / (1 + np.exp(-Z2))
    cost = -(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)).sum() / m
    dZ2 = A2 - Y
    grads = {"W2": np.dot(dZ2, A1.T) / m, "b2": dZ2.sum(axis=1, keepdims=True) / m}
    dZ1 = np.dot(params["W2"].T, dZ2) * A1 * (1 - A1)
    grads["W1"] = np.dot(dZ1, X.T) / m
    grads["b1"] = dZ1.sum(axis=1, keepdims=True) / m
    for key in params:
        params[key] = params[key] - 0.5 * grads[key]
    if i % 100 == 0:
        print(i, cost)
