'''Three bumps: radial units whose centres, widths and heights lie in one vector theta.

np.split cuts it into pieces of different lengths; the gradient is put together the same way.
'''
import numpy as np

N_UNITS, N_POINTS = 3, 80
CUTS = np.cumsum([N_UNITS, N_UNITS, N_UNITS])          # centres | log widths | heights | offset


def bumps(theta, x):
    c, s, h, o = np.split(theta, CUTS)
    z = (x[:, None] - c) / np.exp(s)
    e = np.exp(-0.5 * z ** 2)
    return e @ h + o, z, e


def gradient(theta, x, y):
    c, s, h, o = np.split(theta, CUTS)
    fit, z, e = bumps(theta, x)
    r = (fit - y) / len(x)
    g_h = r @ e
    g_e = np.outer(r, h)
    g_z = -g_e * e * z
    g_c = -(g_z / np.exp(s)).sum(axis=0)
    g_s = -(g_z * z).sum(axis=0)
    g_o = np.atleast_1d(r.sum())
    return np.concatenate([g_c, g_s, g_h, g_o])


def objective(theta, x, y):
    return 0.5 * np.mean((bumps(theta, x)[0] - y) ** 2)


rng = np.random.RandomState(8)
x = np.linspace(-3, 3, N_POINTS)
y = np.exp(-2 * (x + 1.5) ** 2) - 0.8 * np.exp(-3 * (x - 0.4) ** 2) + 0.5 * np.exp(-(x - 2) ** 2)
y += 0.02 * rng.randn(N_POINTS)
theta = np.concatenate([[-2.0, 0.0, 1.5], np.full(3, -0.3), [0.5, -0.5, 0.5], [0.0]])
for i in range(1500):
    if i % 300 == 0:
        print(i, 'objective %.6f' % objective(theta, x, y))
    theta = theta - 0.3 * gradient(theta, x, y)
print('centres', theta[:3].round(2), 'heights', theta[6:9].round(2))
