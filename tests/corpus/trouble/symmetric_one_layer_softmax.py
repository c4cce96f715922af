import numpy as np

rs = np.random.RandomState(3)
x = rs.rand(200, 10) - 0.5
labels = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
onehot = np.eye(3)[labels]


class MLP:
    def __init__(self):
        self.w_in, self.b_in = np.zeros((10, 8)) + 0.01, np.zeros(8)
        self.w_out, self.b_out = rs.randn(8, 3) * 0 + 0.01, np.zeros(3)

    def train_step(self, x, t, lr):
        h = np.maximum(0, x @ self.w_in + self.b_in + 0.1)
        logits = h @ self.w_out + self.b_out
        e = np.exp(logits - np.max(logits, axis=1, keepdims=True))
        p = e / np.sum(e, axis=1, keepdims=True)
        loss = -np.sum(t * np.log(p)) / len(x)
        d = (p - t) / len(x)
        dh = d @ self.w_out.T * (h > 0)
        gw_out, gb_out = h.T @ d, d.sum(axis=0)
        gw_in, gb_in = x.T @ dh, dh.sum(axis=0)
        self.w_out -= lr * gw_out
        self.b_out -= lr * gb_out
        self.w_in -= lr * gw_in
        self.b_in -= lr * gb_in
        return loss


net = MLP()
for i in range(200):
    loss = net.train_step(x, onehot, 0.5)
    if i % 40 == 0:
        print(i, loss)
