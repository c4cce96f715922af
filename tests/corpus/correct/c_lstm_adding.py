import numpy as np

# LSTM for the adding problem: each sequence has random numbers and two markers,
# the answer is the sum of the two marked numbers. One weight matrix per gate.

rng = np.random.RandomState(314)
SEQ, IN, HID = 6, 2, 7


def sigmoid(x): return 1 / (1 + np.exp(-x))


def make_batch(size):
    nums = rng.uniform(0, 1, (SEQ, size))
    marks = np.zeros((SEQ, size))
    for b in range(size):
        i, j = rng.choice(SEQ, 2, replace=False)
        marks[i, b] = marks[j, b] = 1
    return np.stack([nums, marks], axis=2), (nums * marks).sum(axis=0).reshape(-1, 1)


class LSTM:
    def __init__(self, n_in, n_hid):
        self.H = n_hid
        scale = 1 / np.sqrt(n_in + n_hid)
        self.Wf, self.Wi, self.Wg, self.Wo = [rng.randn(n_in + n_hid, n_hid) * scale for _ in range(4)]
        self.bf, self.bi, self.bg, self.bo = np.ones(n_hid), np.zeros(n_hid), np.zeros(n_hid), np.zeros(n_hid)

    def forward(self, X):
        T, N, _ = X.shape
        self.h = [np.zeros((N, self.H))]
        self.c = [np.zeros((N, self.H))]
        self.z, self.f, self.i, self.g, self.o = [], [], [], [], []
        for t in range(T):
            z = np.concatenate([X[t], self.h[-1]], axis=1)
            f = sigmoid(z @ self.Wf + self.bf)
            i = sigmoid(z @ self.Wi + self.bi)
            g = np.tanh(z @ self.Wg + self.bg)
            o = sigmoid(z @ self.Wo + self.bo)
            c = f * self.c[-1] + i * g
            for store, value in zip((self.z, self.f, self.i, self.g, self.o), (z, f, i, g, o)):
                store.append(value)
            self.c.append(c)
            self.h.append(o * np.tanh(c))
        return self.h[-1]

    def backward(self, dh):
        names = ['Wf', 'Wi', 'Wg', 'Wo', 'bf', 'bi', 'bg', 'bo']
        grads = {k: np.zeros_like(getattr(self, k)) for k in names}
        dc = np.zeros_like(dh)
        for t in reversed(range(len(self.z))):
            z, f, i, g, o = self.z[t], self.f[t], self.i[t], self.g[t], self.o[t]
            c, c_prev = self.c[t + 1], self.c[t]
            tc = np.tanh(c)
            dc = dc + dh * o * (1 - tc ** 2)
            da_o = dh * tc * o * (1 - o)
            da_f = dc * c_prev * f * (1 - f)
            da_i = dc * g * i * (1 - i)
            da_g = dc * i * (1 - g ** 2)
            grads['Wf'] += z.T @ da_f
            grads['Wi'] += z.T @ da_i
            grads['Wg'] += z.T @ da_g
            grads['Wo'] += z.T @ da_o
            grads['bf'] += da_f.sum(0)
            grads['bi'] += da_i.sum(0)
            grads['bg'] += da_g.sum(0)
            grads['bo'] += da_o.sum(0)
            dz = da_f @ self.Wf.T + da_i @ self.Wi.T + da_g @ self.Wg.T + da_o @ self.Wo.T
            dh = dz[:, -self.H:]
            dc = dc * f
        return grads


lstm = LSTM(IN, HID)
V = rng.randn(HID, 1) * 0.3
v0 = np.zeros(1)
cache = {}
lr, decay = 0.01, 0.9

for it in range(250):
    X, y = make_batch(16)
    h = lstm.forward(X)
    pred = h @ V + v0
    loss = 0.5 * np.mean((pred - y) ** 2)
    if it % 50 == 0:
        print('it', it, 'loss', round(float(loss), 5))

    dpred = (pred - y) / len(y)
    dV, dv0 = h.T @ dpred, dpred.sum(0)
    grads = lstm.backward(dpred @ V.T)

    # RMSProp
    for k, gr in list(grads.items()) + [('V', dV), ('v0', dv0)]:
        cache[k] = decay * cache.get(k, 0) + (1 - decay) * gr ** 2
        target = V if k == 'V' else v0 if k == 'v0' else getattr(lstm, k)
        target -= lr * gr / (np.sqrt(cache[k]) + 1e-6)

X, y = make_batch(200)
print('mean absolute error', np.abs(lstm.forward(X) @ V + v0 - y).mean().round(4))
