# Rare events with a focal loss; one vector for scipy, the gradient is filled through views.
import numpy as np
from scipy.optimize import minimize

rng = np.random.default_rng(8)
feats = rng.standard_normal((150, 4))
event = (feats[:, 0] * feats[:, 1] + 0.3 * rng.standard_normal(150) > 0.9).astype(float)
H, nf = 3, 4
GAMMA, L2, POS = 2.0, 1e-2, 3.0


def unpack(th):
    k = nf * H
    return th[:k].reshape(nf, H), th[k:k + H], th[k + H:k + 2 * H], th[-1]


def fg(th):
    W, b, v, c = unpack(th)
    h = np.tanh(feats @ W + b)
    s = 2 * event - 1
    lp = -np.logaddexp(0, -s * (h @ v + c))
    pt = np.exp(lp)
    cw = np.where(event == 1, POS, 1.0)
    cw /= cw.sum()
    q = 1 - pt
    f = -(cw * q ** GAMMA * lp).sum() + L2 * (W.ravel() @ W.ravel() + v @ v)
    dz = cw * s * q ** GAMMA * (GAMMA * pt * lp - q)
    g = np.empty_like(th)
    gW, gb, gv, _ = unpack(g)
    gv[:] = h.T @ dz + 2 * L2 * v
    g[-1] = dz.sum()
    dh = dz[:, None] * v * (1 - h * h)
    gW[...] = feats.T @ dh + 2 * L2 * W
    gb[...] = dh.sum(axis=0)
    return f, g


sol = minimize(fg, rng.normal(0, 0.3, nf * H + 2 * H + 1), jac=True, method="L-BFGS-B",
               options={"maxiter": 25})
print("focal %.6f" % sol.fun)
