import numpy as np
import scipy.optimize


# regression net of any depth; weights and biases are kept in lists, scipy sees one vector

sizes = [1, 8, 6, 1]


def flatten(Ws, bs):
    return np.concatenate([w.flatten() for w in Ws] + [b.flatten() for b in bs])


def unflatten(vec):
    Ws, bs = [], []
    pos = 0
    for n_in, n_out in zip(sizes[:-1], sizes[1:]):
        Ws.append(vec[pos:pos + n_in * n_out].reshape(n_out, n_in))
        pos += n_in * n_out
    for n_out in sizes[1:]:
        bs.append(vec[pos:pos + n_out].reshape(n_out, 1))
        pos += n_out
    return Ws, bs


def loss(vec, x, t):
    Ws, bs = unflatten(vec)
    acts = [x]
    for i, (w, b) in enumerate(zip(Ws, bs)):
        z = w @ acts[-1] + b
        acts.append(np.tanh(z) if i < len(Ws) - 1 else z)
    diff = acts[-1] - t
    return np.mean(diff ** 2)


def grad(vec, x, t):
    Ws, bs = unflatten(vec)
    acts = [x]
    for i, (w, b) in enumerate(zip(Ws, bs)):
        z = w @ acts[-1] + b
        acts.append(np.tanh(z) if i < len(Ws) - 1 else z)

    gWs, gbs = [], []
    delta = 2 * (acts[-1] - t) / t.size
    for i in reversed(range(len(Ws))):
        gWs.insert(0, delta @ acts[i].T)
        gbs.insert(0, np.sum(delta, axis=1, keepdims=True))
        if i > 0:
            delta = (Ws[i].T @ delta) * (1 - acts[i] ** 2)
    return flatten(gWs, gbs)


np.random.seed(0)
x = np.linspace(-2, 2, 41).reshape(1, -1)
t = np.sin(2 * x) + 0.3 * x
v0 = flatten([np.random.randn(o, i) * np.sqrt(1 / i) for i, o in zip(sizes[:-1], sizes[1:])],
             [np.zeros(o) for o in sizes[1:]])
print('start', loss(v0, x, t))
best = scipy.optimize.fmin_bfgs(loss, v0, fprime=grad, args=(x, t), maxiter=60, disp=0)
print('end', loss(best, x, t))
