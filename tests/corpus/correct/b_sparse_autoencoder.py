# Sparse autoencoder exercise: squared error + weight decay + KL sparsity penalty,
# all parameters in one flat vector, optimised by L-BFGS.
import numpy as np
import scipy.optimize


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def initialize(hidden_size, visible_size, rng):
    r = np.sqrt(6) / np.sqrt(hidden_size + visible_size + 1)
    W1 = rng.random_sample((hidden_size, visible_size)) * 2 * r - r
    W2 = rng.random_sample((visible_size, hidden_size)) * 2 * r - r
    b1 = np.zeros(hidden_size)
    b2 = np.zeros(visible_size)
    theta = np.concatenate((W1.reshape(hidden_size * visible_size),
                            W2.reshape(hidden_size * visible_size),
                            b1.reshape(hidden_size),
                            b2.reshape(visible_size)))
    return theta


def sparse_autoencoder_cost(theta, visible_size, hidden_size, lambda_, sparsity_param, beta, data):
    n = hidden_size * visible_size
    W1 = theta[0:n].reshape(hidden_size, visible_size)
    W2 = theta[n:2 * n].reshape(visible_size, hidden_size)
    b1 = theta[2 * n:2 * n + hidden_size]
    b2 = theta[2 * n + hidden_size:]

    # columns of data are examples
    m = data.shape[1]

    z2 = W1.dot(data) + np.tile(b1, (m, 1)).transpose()
    a2 = sigmoid(z2)
    z3 = W2.dot(a2) + np.tile(b2, (m, 1)).transpose()
    h = sigmoid(z3)

    rho_hat = np.sum(a2, axis=1) / m
    rho = np.tile(sparsity_param, hidden_size)
    kl = np.sum(rho * np.log(rho / rho_hat) + (1 - rho) * np.log((1 - rho) / (1 - rho_hat)))

    cost = np.sum((h - data) ** 2) / (2 * m) + \
        (lambda_ / 2) * (np.sum(W1 ** 2) + np.sum(W2 ** 2)) + \
        beta * kl

    # backprop
    sparsity_delta = np.tile(- rho / rho_hat + (1 - rho) / (1 - rho_hat), (m, 1)).transpose()
    delta3 = -(data - h) * sigmoid(z3) * (1 - sigmoid(z3))
    delta2 = (W2.transpose().dot(delta3) + beta * sparsity_delta) * sigmoid(z2) * (1 - sigmoid(z2))
    W1grad = delta2.dot(data.transpose()) / m + lambda_ * W1
    W2grad = delta3.dot(a2.transpose()) / m + lambda_ * W2
    b1grad = np.sum(delta2, axis=1) / m
    b2grad = np.sum(delta3, axis=1) / m

    grad = np.concatenate((W1grad.reshape(hidden_size * visible_size),
                           W2grad.reshape(hidden_size * visible_size),
                           b1grad.reshape(hidden_size),
                           b2grad.reshape(visible_size)))
    return cost, grad


def gabor_like_patches(visible_side, count, rng):
    yy, xx = np.mgrid[0:visible_side, 0:visible_side]
    patches = np.zeros((visible_side ** 2, count))
    for c in range(count):
        angle, phase = rng.rand(2) * np.pi
        wave = np.sin(1.5 * (xx * np.cos(angle) + yy * np.sin(angle)) + 2 * phase)
        patches[:, c] = wave.ravel()
    return 0.5 + 0.4 * patches


rng = np.random.RandomState(5)
visible_size, hidden_size = 16, 7
patches = gabor_like_patches(4, 80, rng)
theta = initialize(hidden_size, visible_size, rng)

J = lambda x: sparse_autoencoder_cost(x, visible_size, hidden_size, lambda_=1e-3,
                                      sparsity_param=0.1, beta=0.5, data=patches)
print('initial cost', J(theta)[0])
options_ = {'maxiter': 40}
result = scipy.optimize.minimize(J, theta, method='L-BFGS-B', jac=True, options=options_)
opt_theta = result.x
print('final cost', round(result.fun, 6), 'after', result.nit, 'iterations')
W1 = opt_theta[:hidden_size * visible_size].reshape(hidden_size, visible_size)
print('strongest weight of every hidden unit', np.abs(W1).argmax(axis=1))
