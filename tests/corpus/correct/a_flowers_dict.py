"""Planar data classification with one hidden layer (tanh, sigmoid output, cross entropy).

Parameters, caches and gradients travel in dictionaries.
"""
import numpy as np


def load_planar_dataset(m=160, seed=2):
    rs = np.random.RandomState(seed)
    half = m // 2
    X = np.zeros((m, 2))
    Y = np.zeros((m, 1), dtype='uint8')
    for k in range(2):
        ix = range(half * k, half * (k + 1))
        t = np.linspace(k * 3.12, (k + 1) * 3.12, half) + rs.randn(half) * 0.2
        r = 4 * np.sin(4 * t) + rs.randn(half) * 0.2
        X[ix] = np.c_[r * np.sin(t), r * np.cos(t)]
        Y[ix] = k
    return X.T, Y.T


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def initialize_parameters(n_x, n_h, n_y):
    np.random.seed(3)
    parameters = {"W1": np.random.randn(n_h, n_x) * 0.2,
                  "b1": np.zeros((n_h, 1)),
                  "W2": np.random.randn(n_y, n_h) * 0.2,
                  "b2": np.zeros((n_y, 1))}
    return parameters


def forward_propagation(X, parameters):
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = sigmoid(Z2)
    cache = {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}
    return A2, cache


def compute_cost(A2, Y):
    m = Y.shape[1]
    logprobs = np.multiply(np.log(A2), Y) + np.multiply(np.log(1 - A2), 1 - Y)
    cost = -np.sum(logprobs) / m
    return float(np.squeeze(cost))


def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    W2 = parameters["W2"]
    A1, A2 = cache["A1"], cache["A2"]

    dZ2 = A2 - Y
    dW2 = (1 / m) * np.dot(dZ2, A1.T)
    db2 = (1 / m) * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
    dW1 = (1 / m) * np.dot(dZ1, X.T)
    db1 = (1 / m) * np.sum(dZ1, axis=1, keepdims=True)

    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


def update_parameters(parameters, grads, learning_rate=0.8):
    for key in ("W1", "b1", "W2", "b2"):
        parameters[key] = parameters[key] - learning_rate * grads["d" + key]
    return parameters


def nn_model(X, Y, n_h, num_iterations=600, print_cost=False):
    parameters = initialize_parameters(X.shape[0], n_h, Y.shape[0])
    for i in range(0, num_iterations):
        A2, cache = forward_propagation(X, parameters)
        cost = compute_cost(A2, Y)
        grads = backward_propagation(parameters, cache, X, Y)
        parameters = update_parameters(parameters, grads)
        if print_cost and i % 100 == 0:
            print("Cost after iteration %i: %f" % (i, cost))
    return parameters


if __name__ == "__main__":
    X, Y = load_planar_dataset()
    params = nn_model(X, Y, n_h=6, print_cost=True)
    predictions = forward_propagation(X, params)[0] > 0.5
    print("accuracy: %.1f %%" % (100 * np.mean(predictions == Y)))
