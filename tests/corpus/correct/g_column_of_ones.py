# a net for a flat vector of parameters, minimised by scipy; column 0 of each matrix is the bias
import numpy as np
from scipy.optimize import fmin_cg

gen = np.random.RandomState(4)
m, inputs, hidden, kinds = 80, 5, 6, 3
X = gen.randn(m, inputs)
y = (X[:, 0] + X[:, 1] > 0.4).astype(int) + (X[:, 2] > 0.8)
Y = np.eye(kinds)[y]
lam = 0.7
cut = hidden * (inputs + 1)


def squash(z):
    return 1.0 / (1.0 + np.exp(-z))


def both(theta):
    t1 = theta[:cut].reshape(hidden, inputs + 1)
    t2 = theta[cut:].reshape(kinds, hidden + 1)
    a1 = np.column_stack([np.ones(m), X])
    a2 = np.column_stack([np.ones(m), squash(a1 @ t1.T)])
    a3 = squash(a2 @ t2.T)
    J = -np.sum(Y * np.log(a3) + (1 - Y) * np.log(1 - a3)) / m
    J += lam / (2 * m) * (np.sum(t1[:, 1:] ** 2) + np.sum(t2[:, 1:] ** 2))
    d3 = a3 - Y
    d2 = d3.dot(t2)[:, 1:] * a2[:, 1:] * (1 - a2[:, 1:])
    g1 = d2.T.dot(a1) / m
    g2 = d3.T.dot(a2) / m
    g1[:, 1:] += lam / m * t1[:, 1:]
    g2[:, 1:] = g2[:, 1:] + lam / m * t2[:, 1:]
    return J, np.concatenate([g1.ravel(), g2.ravel()])


start = gen.uniform(-0.3, 0.3, cut + kinds * (hidden + 1))
best = fmin_cg(lambda t: both(t)[0], start, fprime=lambda t: both(t)[1], maxiter=25, disp=False)
print("cost", round(both(start)[0], 4), "->", round(both(best)[0], 4))
