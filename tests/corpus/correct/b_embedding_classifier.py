import numpy as np

# Bag of embeddings sentiment classifier (toy).  Sentences have different lengths, padded with
# PAD = 0, a mask removes the padding from the average.

PAD = 0


class Embedding:
    def __init__(self, n, d, rs):
        self.table = rs.normal(scale=0.3, size=(n, d))
        self.grad = np.zeros_like(self.table)

    def forward(self, ids, mask):
        self.ids = ids
        self.mask = mask
        self.lens = mask.sum(1, keepdims=True)
        vec = self.table[ids] * mask[:, :, None]
        return vec.sum(1) / self.lens

    def backward(self, grad_out):
        per_token = (grad_out / self.lens)[:, None, :] * self.mask[:, :, None]
        np.add.at(self.grad, self.ids, per_token)

    def params(self):
        return [(self.table, self.grad)]


class Dense:
    def __init__(self, a, b, rs):
        self.w = rs.normal(scale=1 / np.sqrt(a), size=(a, b))
        self.b = np.zeros(b)
        self.gw = np.zeros_like(self.w)
        self.gb = np.zeros_like(self.b)

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, grad_out):
        self.gw += self.x.T @ grad_out
        self.gb += grad_out.sum(0)
        return grad_out @ self.w.T

    def params(self):
        return [(self.w, self.gw), (self.b, self.gb)]


class Elu:
    def forward(self, x):
        self.x = x
        self.neg = np.exp(np.minimum(x, 0)) - 1
        return np.where(x > 0, x, self.neg)

    def backward(self, grad_out):
        return grad_out * np.where(self.x > 0, 1, self.neg + 1)

    def params(self):
        return []


def logistic_loss(logit, label):
    # label in {-1, +1}; stable log(1 + exp(-yz))
    margin = label * logit
    value = np.logaddexp(0, -margin).mean()
    grad = -label / (1 + np.exp(margin)) / label.size
    return value, grad


def fake_reviews(n, rs, n_words=30, longest=7):
    polarity = np.zeros(n_words)
    polarity[1:8] = 1
    polarity[8:15] = -1
    ids = np.full((n, longest), PAD)
    label = np.zeros((n, 1))
    for row in range(n):
        k = rs.randint(3, longest + 1)
        ids[row, :k] = rs.randint(1, n_words, k)
        s = polarity[ids[row]].sum() + 0.1 * rs.randn()
        label[row] = 1 if s > 0 else -1
    return ids, label


class Sentiment:
    def __init__(self, seed):
        rs = np.random.RandomState(seed)
        self.emb = Embedding(30, 6, rs)
        self.chain = [Dense(6, 5, rs), Elu(), Dense(5, 1, rs)]

    def all_params(self):
        for layer in [self.emb] + self.chain:
            yield from layer.params()

    def score(self, ids):
        x = self.emb.forward(ids, (ids != PAD).astype(float))
        for layer in self.chain:
            x = layer.forward(x)
        return x

    def fit_batch(self, ids, label, lr):
        for _, g in self.all_params():
            g[...] = 0
        value, d = logistic_loss(self.score(ids), label)
        for layer in self.chain[::-1]:
            d = layer.backward(d)
        self.emb.backward(d)
        for p, g in self.all_params():
            p -= lr * g
        return value


net = Sentiment(31)
rs = np.random.RandomState(13)
ids, label = fake_reviews(200, rs)
for epoch in range(8):
    losses = [net.fit_batch(ids[k:k + 20], label[k:k + 20], lr=1.0) for k in range(0, 200, 20)]
    print('epoch', epoch, 'loss %.4f' % np.mean(losses),
          'acc %.2f' % np.mean(np.sign(net.score(ids)) == label))
