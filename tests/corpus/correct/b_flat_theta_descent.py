"""
One-hidden-layer classifier in the style of the machine learning course: Theta1 and Theta2 carry
their bias column, they are unrolled into nn_params, the cost function rolls them back.
The minimiser is a few lines of gradient descent with a step that halves when the cost goes up.
"""
import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoidGradient(z):
    g = sigmoid(z)
    return g * (1 - g)


def unroll(Theta1, Theta2):
    return np.hstack((Theta1.ravel(order='F'), Theta2.ravel(order='F')))


def roll(nn_params, n_in, n_hid, n_lab):
    cut = n_hid * (n_in + 1)
    Theta1 = nn_params[:cut].reshape((n_hid, n_in + 1), order='F')
    Theta2 = nn_params[cut:].reshape((n_lab, n_hid + 1), order='F')
    return Theta1, Theta2


def nnCostFunction(nn_params, n_in, n_hid, n_lab, X, y, Lambda):
    Theta1, Theta2 = roll(nn_params, n_in, n_hid, n_lab)
    m = len(X)
    Y = np.zeros((m, n_lab))
    for i in range(m):
        Y[i, y[i]] = 1

    a1 = np.column_stack((np.ones((m, 1)), X))
    z2 = a1.dot(Theta1.T)
    a2 = np.column_stack((np.ones((m, 1)), sigmoid(z2)))
    z3 = a2.dot(Theta2.T)
    a3 = sigmoid(z3)

    J = (1. / m) * np.sum(-Y * np.log(a3) - (1 - Y) * np.log(1 - a3))
    J = J + Lambda / (2. * m) * (np.sum(Theta1[:, 1:] ** 2) + np.sum(Theta2[:, 1:] ** 2))

    Delta1 = np.zeros(Theta1.shape)
    Delta2 = np.zeros(Theta2.shape)
    for t in range(m):
        d3 = a3[t, :] - Y[t, :]
        d2 = Theta2[:, 1:].T.dot(d3) * sigmoidGradient(z2[t, :])
        Delta2 += np.outer(d3, a2[t, :])
        Delta1 += np.outer(d2, a1[t, :])

    Theta1_grad = Delta1 / m
    Theta2_grad = Delta2 / m
    Theta1_grad[:, 1:] += (Lambda / m) * Theta1[:, 1:]
    Theta2_grad[:, 1:] += (Lambda / m) * Theta2[:, 1:]
    return J, unroll(Theta1_grad, Theta2_grad)


def minimise(f, x0, args=(), maxiter=60, step=2.0):
    x = x0
    J, grad = f(x, *args)
    for k in range(maxiter):
        trial = x - step * grad
        J_new, grad_new = f(trial, *args)
        if J_new > J:
            step = step / 2
            continue
        x, J, grad = trial, J_new, grad_new
    return x, J


def randInitializeWeights(L_in, L_out, epsilon_init=0.5):
    return np.random.rand(L_out, L_in + 1) * 2 * epsilon_init - epsilon_init


def predict(Theta1, Theta2, X):
    m = X.shape[0]
    h1 = sigmoid(np.column_stack((np.ones(m), X)).dot(Theta1.T))
    h2 = sigmoid(np.column_stack((np.ones(m), h1)).dot(Theta2.T))
    return h2.argmax(axis=1)


np.random.seed(15)
n_in, n_hid, n_lab, Lambda = 2, 6, 3, 0.1
centres = np.array([[0, 1.2], [1.1, -0.7], [-1.1, -0.6]])
y = np.arange(60) % n_lab
X = centres[y] + 0.5 * np.random.randn(60, n_in)

nn_params = unroll(randInitializeWeights(n_in, n_hid), randInitializeWeights(n_hid, n_lab))
args = (n_in, n_hid, n_lab, X, y, Lambda)
print('cost before: %.4f' % nnCostFunction(nn_params, *args)[0])
nn_params, cost = minimise(nnCostFunction, nn_params, args)
Theta1, Theta2 = roll(nn_params, n_in, n_hid, n_lab)
print('cost after:  %.4f' % cost)
print('accuracy: %.1f %%' % (100 * np.mean(predict(Theta1, Theta2, X) == y)))
