import numpy as np

# minimal gated unit: remembers the sign of the first entry of a sequence
R = np.random.RandomState(8)
n_in, n_mem, T = 2, 6, 7
shape = lambda *s: R.randn(*s) * 0.4
Wf, Uf, bf = shape(n_mem, n_in), shape(n_mem, n_mem), np.ones((n_mem, 1))
Wc, Uc, bc = shape(n_mem, n_in), shape(n_mem, n_mem), np.zeros((n_mem, 1))
Wo, bo = shape(1, n_mem), np.zeros((1, 1))
params = [Wf, Uf, bf, Wc, Uc, bc, Wo, bo]
memory = [np.zeros_like(q) for q in params]


def sigma(a):
    return 1 / (1 + np.exp(-a))


def run(seq, target):
    h, f, c = {-1: np.zeros((n_mem, 1))}, {}, {}
    for t in range(T):
        x = seq[t]
        f[t] = sigma(Wf @ x + Uf @ h[t - 1] + bf)
        c[t] = np.tanh(Wc @ x + Uc @ (f[t] * h[t - 1]) + bc)
        h[t] = (1 - f[t]) * h[t - 1] + f[t] * c[t]
    p = sigma(Wo @ h[T - 1] + bo)
    loss = -(target * np.log(p) + (1 - target) * np.log(1 - p)).item()

    g = [np.zeros_like(q) for q in params]
    dy = p - target
    g[6] += dy @ h[T - 1].T
    g[7] += dy
    dh_next = Wo.T @ dy
    for t in range(T - 1, -1, -1):
        x, dh = seq[t], dh_next
        dc = dh * f[t] * (1 - c[t] ** 2)
        d_reset = Uc.T @ dc
        df = (dh * (c[t] - h[t - 1]) + d_reset * h[t - 1]) * f[t] * (1 - f[t])
        g[0] += df @ x.T
        g[1] += df @ h[t - 1].T
        g[2] += df
        g[3] += dc @ x.T
        g[4] += dc @ (f[t] * h[t - 1]).T
        g[5] += dc
        dh_next = dh * (1 - f[t]) + d_reset * f[t] + Uf.T @ df
    return loss, g


smooth = 0.7
for step in range(160):
    seq = [R.randn(n_in, 1) for _ in range(T)]
    loss, grads = run(seq, float(seq[0][0, 0] > 0))
    smooth = 0.95 * smooth + 0.05 * loss
    for q, d, m in zip(params, grads, memory):
        m += d * d
        q -= 0.1 * d / np.sqrt(m + 1e-8)
    if step % 40 == 39:
        print("%3d  %.3f" % (step + 1, smooth))
