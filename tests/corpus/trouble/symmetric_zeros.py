import numpy as np

# XOR
X = np.array([[0, 0, 1, 1], [0, 1, 0, 1]], dtype=float)
Y = np.array([[0, 1, 1, 0]], dtype=float)

W1 = np.zeros((4, 2))
b1 = np.zeros((4, 1))
W2 = np.zeros((1, 4))
b2 = np.zeros((1, 1))

for i in range(1000):
    Z1 = W1.dot(X) + b1
    A1 = np.tanh(Z1)
    Z2 = W2.dot(A1) + b2
    A2 = 1 / (1 + np.exp(-Z2))
    cost = -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))
    dZ2 = A2 - Y
    dW2 = dZ2.dot(A1.T) / 4
    db2 = dZ2.mean(axis=1, keepdims=True)
    dZ1 = W2.T.dot(dZ2) * (1 - A1 ** 2)
    dW1 = dZ1.dot(X.T) / 4
    db1 = dZ1.mean(axis=1, keepdims=True)
    W1 -= 0.5 * dW1
    b1 -= 0.5 * db1
    W2 -= 0.5 * dW2
    b2 -= 0.5 * db2
    if i % 200 == 0:
        print(cost)
