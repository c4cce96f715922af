import numpy as np
import argparse

parser = argparse.ArgumentParser(description='robust regression with a small tanh network')
parser.add_argument('--delta', type=float, default=0.6)
parser.add_argument('--steps', type=int, default=250)
parser.add_argument('--lr', type=float, default=0.05)
opt = parser.parse_args([])


def huber(residual, delta):
    small = np.abs(residual) <= delta
    return np.where(small, 0.5 * residual ** 2, delta * (np.abs(residual) - 0.5 * delta))


def huber_slope(residual, delta):
    return np.where(np.abs(residual) <= delta, residual, delta * np.sign(residual))


gen = np.random.RandomState(404)
t = np.linspace(-3, 3, 70)
observed = np.sin(1.5 * t) + 0.1 * gen.randn(70)
observed[::9] += 3 * gen.randn(len(observed[::9]))      # outliers
weight_of_sample = np.where(np.abs(t) < 2, 1.0, 0.5)

# one hidden layer on scalars: y = sum_j v_j tanh(u_j t + a_j) + c + slope * t
H = 8
u, a = gen.randn(H), gen.randn(H)
v, c, slope = gen.randn(H) * 0.3, 0.0, 0.0
mom_u, mom_a, mom_v, mom_c, mom_s = np.zeros(H), np.zeros(H), np.zeros(H), 0.0, 0.0

for step in range(opt.steps):
    act = np.tanh(np.outer(t, u) + a)           # (samples, H)
    y = act @ v + c + slope * t
    residual = y - observed
    objective = np.sum(weight_of_sample * huber(residual, opt.delta)) / np.sum(weight_of_sample)

    q = weight_of_sample * huber_slope(residual, opt.delta) / np.sum(weight_of_sample)
    g_c = q.sum()
    g_slope = q @ t
    g_v = act.T @ q
    back = np.outer(q, v) * (1 - act ** 2)
    g_u = back.T @ t
    g_a = back.sum(axis=0)

    mom_u = 0.9 * mom_u + g_u
    mom_a = 0.9 * mom_a + g_a
    mom_v = 0.9 * mom_v + g_v
    mom_c = 0.9 * mom_c + g_c
    mom_s = 0.9 * mom_s + g_slope
    u = u - opt.lr * mom_u
    a = a - opt.lr * mom_a
    v = v - opt.lr * mom_v
    c = c - opt.lr * mom_c
    slope = slope - opt.lr * mom_s

    if step % 50 == 0:
        print('%4d  objective %.5f   median |r| %.4f' % (step, objective, np.median(np.abs(residual))))
