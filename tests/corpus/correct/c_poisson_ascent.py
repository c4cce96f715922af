"""
Poisson regression of claim counts with exposure, fitted by climbing the log-likelihood.

    y_i ~ Poisson(t_i * exp(x_i' beta)),   log L = sum_i  y_i eta_i - t_i exp(eta_i) + y_i log t_i - log y_i!

There is nothing to minimise here; the sign of the step is the sign of the gradient. A small Gaussian
prior on the slopes (not on the intercept) keeps them in place.
"""
import numpy as np
from scipy.special import gammaln

rng = np.random.default_rng(1898)  # Bortkiewicz

n = 150
exposure = rng.uniform(0.5, 2.0, n)
design = np.column_stack([np.ones(n), rng.normal(size=n), rng.integers(0, 2, n), rng.normal(size=n) ** 2 - 1])
truth = np.array([-0.3, 0.6, -0.8, 0.25])
counts = rng.poisson(exposure * np.exp(design @ truth))

prior_precision = np.array([0.0, 2.0, 2.0, 2.0])


def log_posterior(beta):
    eta = design @ beta
    log_likelihood = np.sum(counts * (eta + np.log(exposure)) - exposure * np.exp(eta) - gammaln(counts + 1))
    return log_likelihood - 0.5 * np.sum(prior_precision * beta ** 2)


def score(beta):
    expected = exposure * np.exp(design @ beta)
    return design.T @ (counts - expected) - prior_precision * beta


def fisher_scale(beta):
    """diagonal of the Fisher information, used as a step size per coefficient"""
    expected = exposure * np.exp(design @ beta)
    return (design ** 2).T @ expected + prior_precision


beta = np.zeros(4)
print("start      log posterior %10.4f" % log_posterior(beta))

# 1. plain steps
step = 0.002
for k in range(40):
    gradient = score(beta)
    beta = beta + step * gradient
    if k % 10 == 9:
        print("step %4d  log posterior %10.4f   |score| %.2e" % (k + 1, log_posterior(beta), np.abs(gradient).max()))

standard_error = 1 / np.sqrt(fisher_scale(beta))
for name, b, s, t in zip(("intercept", "slope", "group", "curve"), beta, standard_error, truth):
    print("%-10s %7.3f +- %.3f   (true %5.2f)" % (name, b, s, t))
