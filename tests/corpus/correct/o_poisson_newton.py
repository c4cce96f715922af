# Poisson regression and ridge by Newton-CG and TNC: functions that return Python floats and lists.
import math

import numpy as np
from scipy.optimize import fmin_ncg, fmin_tnc

counts = [2, 0, 1, 4, 3, 7, 6, 12, 9, 15, 21, 25]
times = [0.1 * i for i in range(len(counts))]


def nll(p):
    a, b = p
    total = 0.0
    for s, k in zip(times, counts):
        rate = math.exp(a + b * s)
        total += rate - k * (a + b * s)
    return total


def nll_prime(p):
    a, b = p
    ga = 0.0
    gb = 0.0
    for s, k in zip(times, counts):
        rate = math.exp(a + b * s)
        ga += rate - k
        gb += (rate - k) * s
    return np.array([ga, gb])


p = fmin_ncg(nll, np.array([0.5, 0.5]), nll_prime, disp=0)
print('poisson', p.round(6), round(nll(p), 6))


A = np.vander(np.array(times), 3)
target = np.log1p(np.array(counts))


def ridge(w):
    r = A.dot(w) - target
    f = 0.5 * r.dot(r) + 0.05 * w.dot(w)
    g = A.T.dot(r) + 0.1 * w
    return f, g


w, n_evals, code = fmin_tnc(ridge, [0.0, 0.0, 0.0], disp=0)
print('ridge', np.round(w, 5), code)
