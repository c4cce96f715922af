import numpy as np

np.random.seed(2)
X = np.random.randn(2, 300)
Y = (X[0:1] + 0.5 * X[1:2] > 0.2).astype(float)

learning_rate = 1e-6
w = np.zeros((1, 2))
b = 0.0


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


m = X.shape[1]
for i in range(500):
    A = sigmoid(np.dot(w, X) + b)
    cost = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
    dZ = A - Y
    dw = np.dot(dZ, X.T) / m
    db = np.sum(dZ) / m
    w = w - learning_rate * dw
    b = b - learning_rate * db
    if i % 100 == 0:
        print("Cost after iteration %i: %f" % (i, cost))
