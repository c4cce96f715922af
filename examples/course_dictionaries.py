"""Dictionaries of parameters, caches and gradients, keyed by name and layer.

Shows: BP101, a missing term. The cost carries an L2 penalty and the gradient of the weights does
not: an error of a per cent or so, which no plot of the cost gives away.
"""
import numpy as np


def initialize_parameters(layer_dims):
    np.random.seed(5)
    parameters = {}
    for l in range(1, len(layer_dims)):
        fan_in = layer_dims[l - 1]
        parameters['W' + str(l)] = np.random.randn(layer_dims[l], fan_in) / np.sqrt(fan_in)
        parameters['b' + str(l)] = np.zeros((layer_dims[l], 1))
    return parameters


def model_forward(X, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L + 1):
        A_prev = A
        Z = np.dot(parameters['W' + str(l)], A_prev) + parameters['b' + str(l)]
        A = np.tanh(Z) if l < L else 1 / (1 + np.exp(-Z))
        caches.append((A_prev, A))
    return A, caches


def compute_cost(AL, Y, parameters, lambd):
    m = Y.shape[1]
    cross_entropy = -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m
    L = len(parameters) // 2
    penalty = sum(np.sum(np.square(parameters['W' + str(l)])) for l in range(1, L + 1))
    return cross_entropy + lambd / (2 * m) * penalty


def model_backward(AL, Y, parameters, caches):
    grads = {}
    m = Y.shape[1]
    dZ = AL - Y
    for l in reversed(range(1, len(caches) + 1)):
        A_prev, _ = caches[l - 1]
        grads['dW' + str(l)] = np.dot(dZ, A_prev.T) / m
        grads['db' + str(l)] = np.sum(dZ, axis=1, keepdims=True) / m
        if l > 1:
            dA_prev = np.dot(parameters['W' + str(l)].T, dZ)
            dZ = dA_prev * (1 - np.power(A_prev, 2))
    return grads


def update_parameters(parameters, grads, learning_rate):
    for l in range(1, len(parameters) // 2 + 1):
        parameters['W' + str(l)] = parameters['W' + str(l)] - learning_rate * grads['dW' + str(l)]
        parameters['b' + str(l)] = parameters['b' + str(l)] - learning_rate * grads['db' + str(l)]
    return parameters


def model(X, Y, layer_dims, learning_rate=0.3, num_iterations=400, lambd=0.7):
    parameters = initialize_parameters(layer_dims)
    for i in range(num_iterations):
        AL, caches = model_forward(X, parameters)
        cost = compute_cost(AL, Y, parameters, lambd)
        grads = model_backward(AL, Y, parameters, caches)
        parameters = update_parameters(parameters, grads, learning_rate)
        if i % 100 == 0:
            print("Cost after iteration {}: {:.6f}".format(i, cost))
    return parameters


if __name__ == '__main__':
    np.random.seed(2)
    train_x = np.random.randn(4, 90)
    train_y = (np.sum(train_x[:2] ** 2, axis=0, keepdims=True) > 1.4).astype(int)
    params = model(train_x, train_y, [4, 6, 3, 1])
    probabilities, _ = model_forward(train_x, params)
    print("Accuracy:", np.mean((probabilities > 0.5) == train_y).round(3))
