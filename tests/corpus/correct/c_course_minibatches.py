# Week 2 programming assignment: mini-batches, L2 regularization and momentum for an L-layer model.
import math

import numpy as np


def load_planar(seed, m=240):
    """
    Two interleaved spirals.

    Returns:
    X -- input of shape (2, m)
    Y -- 0/1 labels of shape (1, m)
    """
    np.random.seed(seed)
    half = m // 2
    t = np.linspace(0.3, 3.2, half)
    arm = np.vstack((t * np.sin(2 * t), t * np.cos(2 * t)))
    X = np.hstack((arm, -arm)) / 3 + 0.05 * np.random.randn(2, m)
    Y = np.hstack((np.zeros((1, half)), np.ones((1, half))))
    return X, Y


def initialize_parameters(layer_dims):
    parameters = {}
    for l in range(1, len(layer_dims)):
        parameters['W' + str(l)] = np.random.randn(layer_dims[l], layer_dims[l - 1]) * np.sqrt(2. / layer_dims[l - 1])
        parameters['b' + str(l)] = np.zeros((layer_dims[l], 1))
    return parameters


def random_mini_batches(X, Y, mini_batch_size, seed):
    np.random.seed(seed)
    m = X.shape[1]
    permutation = list(np.random.permutation(m))
    shuffled_X = X[:, permutation]
    shuffled_Y = Y[:, permutation].reshape((1, m))
    mini_batches = []
    for k in range(math.ceil(m / mini_batch_size)):
        cut = slice(k * mini_batch_size, (k + 1) * mini_batch_size)
        mini_batches.append((shuffled_X[:, cut], shuffled_Y[:, cut]))
    return mini_batches


def forward_propagation(X, parameters):
    caches = {'A0': X}
    L = len(parameters) // 2
    for l in range(1, L + 1):
        Z = np.dot(parameters['W' + str(l)], caches['A' + str(l - 1)]) + parameters['b' + str(l)]
        caches['Z' + str(l)] = Z
        caches['A' + str(l)] = 1 / (1 + np.exp(-Z)) if l == L else np.maximum(0, Z)
    return caches['A' + str(L)], caches


def compute_cost(AL, Y, parameters, lambd):
    m = Y.shape[1]
    cross_entropy = -1. / m * np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))
    L2 = sum(np.sum(np.square(parameters['W' + str(l)])) for l in range(1, len(parameters) // 2 + 1))
    return cross_entropy + lambd / (2 * m) * L2


def backward_propagation(Y, caches, parameters, lambd):
    m = Y.shape[1]
    L = len(parameters) // 2
    grads = {}
    dZ = caches['A' + str(L)] - Y
    for l in reversed(range(1, L + 1)):
        W = parameters['W' + str(l)]
        grads['dW' + str(l)] = 1. / m * np.dot(dZ, caches['A' + str(l - 1)].T) + lambd / m * W
        grads['db' + str(l)] = 1. / m * np.sum(dZ, axis=1, keepdims=True)
        if l > 1:
            dA = np.dot(W.T, dZ)
            dZ = np.multiply(dA, np.int64(caches['Z' + str(l - 1)] > 0))
    return grads


def update_parameters_with_momentum(parameters, grads, v, beta, learning_rate):
    for l in range(1, len(parameters) // 2 + 1):
        v['dW' + str(l)] = beta * v['dW' + str(l)] + (1 - beta) * grads['dW' + str(l)]
        v['db' + str(l)] = beta * v['db' + str(l)] + (1 - beta) * grads['db' + str(l)]
        parameters['W' + str(l)] = parameters['W' + str(l)] - learning_rate * v['dW' + str(l)]
        parameters['b' + str(l)] = parameters['b' + str(l)] - learning_rate * v['db' + str(l)]
    return parameters, v


def model(X, Y, layers_dims, learning_rate=0.3, mini_batch_size=48, beta=0.9, lambd=0.1, num_epochs=150):
    seed = 10
    parameters = initialize_parameters(layers_dims)
    v = {'d' + key: np.zeros_like(value) for key, value in parameters.items()}
    for i in range(num_epochs):
        seed = seed + 1
        cost_total = 0
        for minibatch_X, minibatch_Y in random_mini_batches(X, Y, mini_batch_size, seed):
            AL, caches = forward_propagation(minibatch_X, parameters)
            cost_total += compute_cost(AL, minibatch_Y, parameters, lambd)
            grads = backward_propagation(minibatch_Y, caches, parameters, lambd)
            parameters, v = update_parameters_with_momentum(parameters, grads, v, beta, learning_rate)
        if i % 30 == 0:
            print("Cost after epoch %i: %f" % (i, cost_total / math.ceil(X.shape[1] / mini_batch_size)))
    return parameters


train_X, train_Y = load_planar(3)
parameters = model(train_X, train_Y, [2, 10, 6, 1])
AL, _ = forward_propagation(train_X, parameters)
print("Accuracy: " + str(np.mean((AL > 0.5) == (train_Y == 1))))
