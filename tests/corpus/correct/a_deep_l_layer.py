import numpy as np

np.random.seed(42)

# ---------------------------------------------------------------- data
n_samples = 120
X_train = np.random.randn(3, n_samples)
Y_train = ((X_train[0:1] ** 2 + X_train[1:2] * X_train[2:3]) > 0.5).astype(float)

layer_dims = [3, 7, 7, 7, 1]


def init_params(layer_dims):
    parameters = {}
    for l in range(1, len(layer_dims)):
        parameters['W' + str(l)] = np.random.randn(layer_dims[l], layer_dims[l-1]) * np.sqrt(2. / layer_dims[l-1])
        parameters['b' + str(l)] = np.zeros((layer_dims[l], 1))
    return parameters


# ---------------------------------------------------------------- forward
def relu(Z):
    return np.maximum(0, Z), Z


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z)), Z


def linear_activation_forward(A_prev, W, b, activation):
    Z = W.dot(A_prev) + b
    A, activation_cache = relu(Z) if activation == "relu" else sigmoid(Z)
    return A, ((A_prev, W, b), activation_cache)


def L_model_forward(X, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L):
        A, cache = linear_activation_forward(A, parameters['W' + str(l)], parameters['b' + str(l)], "relu")
        caches.append(cache)
    AL, cache = linear_activation_forward(A, parameters['W' + str(L)], parameters['b' + str(L)], "sigmoid")
    caches.append(cache)
    return AL, caches


def compute_cost(AL, Y, parameters, lambd):
    m = Y.shape[1]
    cross_entropy = (1. / m) * (-np.dot(Y, np.log(AL).T) - np.dot(1 - Y, np.log(1 - AL).T))
    L2 = 0
    for l in range(1, len(parameters) // 2 + 1):
        L2 += np.sum(np.square(parameters['W' + str(l)]))
    return np.squeeze(cross_entropy) + lambd / (2 * m) * L2


# ---------------------------------------------------------------- backward
def linear_backward(dZ, linear_cache, lambd):
    A_prev, W, b = linear_cache
    m = A_prev.shape[1]
    dW = 1. / m * np.dot(dZ, A_prev.T) + lambd / m * W
    db = 1. / m * np.sum(dZ, axis=1, keepdims=True)
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db


def relu_backward(dA, Z):
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    return dZ


def sigmoid_backward(dA, Z):
    s = 1 / (1 + np.exp(-Z))
    return dA * s * (1 - s)


def L_model_backward(AL, Y, caches, lambd):
    grads = {}
    L = len(caches)
    dAL = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    linear_cache, Z = caches[L-1]
    dA, grads["dW" + str(L)], grads["db" + str(L)] = linear_backward(sigmoid_backward(dAL, Z), linear_cache, lambd)
    for l in reversed(range(L-1)):
        linear_cache, Z = caches[l]
        dA, dW_temp, db_temp = linear_backward(relu_backward(dA, Z), linear_cache, lambd)
        grads["dW" + str(l+1)] = dW_temp
        grads["db" + str(l+1)] = db_temp
    return grads


def update_parameters(parameters, grads, learning_rate):
    L = len(parameters) // 2
    for l in range(L):
        parameters["W" + str(l+1)] = parameters["W" + str(l+1)] - learning_rate * grads["dW" + str(l+1)]
        parameters["b" + str(l+1)] = parameters["b" + str(l+1)] - learning_rate * grads["db" + str(l+1)]
    return parameters


parameters = init_params(layer_dims)
costs = []
for i in range(300):
    AL, caches = L_model_forward(X_train, parameters)
    cost = compute_cost(AL, Y_train, parameters, 0.3)
    grads = L_model_backward(AL, Y_train, caches, 0.3)
    parameters = update_parameters(parameters, grads, learning_rate=0.15)
    if i % 50 == 0:
        print("Cost after iteration {}: {}".format(i, cost))
        costs.append(cost)

print("train accuracy", np.mean((L_model_forward(X_train, parameters)[0] > 0.5) == Y_train))
