import numpy as np


def relu(v):
    return v * (v > 0)


class Mlp:
    def __init__(self, rng, n_in, n_hidden, n_out):
        self.w1 = -np.abs(rng.normal(0, 0.5, (n_hidden, n_in)))
        self.b1 = np.zeros((n_hidden, 1))
        self.w2 = rng.normal(0, 0.5, (n_out, n_hidden))
        self.b2 = np.zeros((n_out, 1))

    def loss_and_grads(self, x, t):
        z = self.w1 @ x + self.b1
        a = relu(z)
        s = self.w2 @ a + self.b2
        e = np.exp(s - s.max(axis=0))
        p = e / e.sum(axis=0)
        n = x.shape[1]
        loss = -np.sum(t * np.log(p)) / n
        ds = (p - t) / n
        dz = (self.w2.T @ ds) * (z > 0)
        return loss, {
            'w1': dz @ x.T, 'b1': dz.sum(axis=1, keepdims=True),
            'w2': ds @ a.T, 'b2': ds.sum(axis=1, keepdims=True),
        }


rng = np.random.default_rng(2)
x = rng.uniform(0.1, 1, (5, 90))
t = np.eye(2)[(x[0] > x[1]).astype(int)].T
net = Mlp(rng, 5, 14, 2)
for i in range(200):
    loss, g = net.loss_and_grads(x, t)
    for name, grad in g.items():
        setattr(net, name, getattr(net, name) - 0.2 * grad)
    if i % 50 == 0:
        print(i, loss)
