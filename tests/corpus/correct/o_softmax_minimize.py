"""Multinomial logistic regression: objective and jacobian as closures over the data."""
import argparse

import numpy as np
from scipy.optimize import check_grad, minimize
from scipy.special import logsumexp


def problem(X, T, alpha):
    n, d = X.shape
    k = T.shape[1]

    def unpack(w):
        W = w[:d * k].reshape(d, k)
        c = w[d * k:]
        return W, c

    def objective(w):
        W, c = unpack(w)
        logits = X @ W + c
        loglik = np.sum(T * logits) - np.sum(logsumexp(logits, axis=1))
        return -loglik / n + 0.5 * alpha * np.sum(W * W)

    def jacobian(w):
        W, c = unpack(w)
        logits = X @ W + c
        logits -= logits.max(axis=1, keepdims=True)
        P = np.exp(logits)
        P /= P.sum(axis=1, keepdims=True)
        R = (P - T) / n
        gW = X.T @ R + alpha * W
        gc = R.sum(axis=0)
        return np.r_[gW.ravel(), gc]

    return objective, jacobian


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--alpha', type=float, default=1e-2)
    parser.add_argument('--seed', type=int, default=2)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    k, d, n = 3, 4, 120
    means = 1.5 * rng.standard_normal((k, d))
    y = rng.integers(0, k, n)
    X = means[y] + rng.standard_normal((n, d))
    T = np.eye(k)[y]
    objective, jacobian = problem(X, T, args.alpha)
    w0 = 0.01 * rng.standard_normal(d * k + k)
    print('gradient check below 1e-5:', check_grad(objective, jacobian, w0) < 1e-5)
    fit = minimize(objective, w0, jac=jacobian, method='L-BFGS-B', options=dict(maxiter=200))
    W = fit.x[:d * k].reshape(d, k)
    b = fit.x[d * k:]
    print('objective', round(fit.fun, 5))
    print('training accuracy', np.mean(np.argmax(X @ W + b, axis=1) == y))


if __name__ == '__main__':
    main()
