"""Regularised logistic regression by scipy.optimize: one flat vector, cost and gradient from a
function.

Shows: BP101. The cost leaves the bias theta[0] out of the penalty, as one should; the gradient
does not. Needs SciPy.
"""
import numpy as np
from scipy.optimize import minimize
from scipy.special import expit


def cost_function(theta, X, y, lam):
    m = y.size
    h = expit(X.dot(theta))
    J = -np.sum(y * np.log(h) + (1 - y) * np.log(1 - h)) / m
    J += lam / (2 * m) * np.sum(theta[1:] ** 2)
    grad = X.T.dot(h - y) / m + lam / m * theta
    return J, grad


def main():
    rng = np.random.RandomState(8)
    m = 100
    features = rng.randn(m, 3)
    y = (features.dot([1.5, -2.0, 0.5]) + 2.0 + rng.randn(m) > 0).astype(float)
    X = np.column_stack([np.ones(m), features])
    start = np.array([0.5, 0.1, 0.1, 0.1])
    result = minimize(cost_function, start, args=(X, y, 1.0), jac=True, method='L-BFGS-B',
                      options={'maxiter': 40})
    print('cost', np.round(result.fun, 4))
    print('theta', np.round(result.x, 2))


if __name__ == '__main__':
    main()
