import numpy as np

rng = np.random.RandomState(11)
X = rng.rand(64, 4)
T = np.eye(3)[(X.sum(axis=1) * 0.7).astype(int).clip(0, 2)]
hp = dict(lr=0.00001, steps=300, hidden=8)

p = {}
p['w0'] = rng.randn(4, hp['hidden']) / 2
p['c0'] = np.zeros(hp['hidden'])
p['w1'] = rng.randn(hp['hidden'], 3) / 3
p['c1'] = np.zeros(3)

for s in range(hp['steps']):
    u = X @ p['w0'] + p['c0']
    h = 1 / (1 + np.exp(-u))
    v = h @ p['w1'] + p['c1']
    v = v - v.max(1, keepdims=True)
    q = np.exp(v) / np.exp(v).sum(1, keepdims=True)
    loss = -(T * np.log(q)).sum() / len(X)
    dv = (q - T) / len(X)
    du = dv @ p['w1'].T * h * (1 - h)
    g = {'w1': h.T @ dv, 'c1': dv.sum(0), 'w0': X.T @ du, 'c0': du.sum(0)}
    for name in p:
        p[name] -= hp['lr'] * g[name]
    if s % 60 == 0:
        print(s, loss)
