import numpy as np

DT = np.float32
BATCH = 8
HIDDEN = 8
FEATURES = 6
CLASSES = 3
L2 = DT(0.01)


def make_dataset(rng, n=128):
    x = rng.standard_normal((n, FEATURES)).astype(DT)
    score = x[:, :3] + 0.7 * x[:, 3:] * x[:, :3]
    return x, np.eye(CLASSES, dtype=DT)[score.argmax(axis=1)]


def init(rng, n_in, n_out):
    return (rng.standard_normal((n_in, n_out)) * np.sqrt(1.0 / n_in)).astype(DT), np.zeros(n_out, dtype=DT)


def fprop(x, W1, b1, W2, b2, W3, b3):
    h1 = np.tanh(x @ W1 + b1)
    h2 = np.tanh(h1 @ W2 + b2)
    logits = h2 @ W3 + b3
    logits = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(logits)
    p = p / p.sum(axis=1, keepdims=True)
    return h1, h2, p


def bprop(x, t, h1, h2, p, W1, W2, W3):
    scale = DT(1.0 / x.shape[0])
    dlogits = (p - t) * scale
    gW3 = h2.T @ dlogits + L2 * W3
    gb3 = dlogits.sum(0)
    dh2 = (dlogits @ W3.T) * (DT(1) - h2 * h2)
    gW2 = h1.T @ dh2 + L2 * W2
    gb2 = dh2.sum(0)
    dh1 = (dh2 @ W2.T) * (DT(1) - h1 * h1)
    gW1 = x.T @ dh1 + L2 * W1
    gb1 = dh1.sum(0)
    return gW1, gb1, gW2, gb2, gW3, gb3


def objective(t, p, W1, W2, W3):
    penalty = L2 / 2 * ((W1 ** 2).sum() + (W2 ** 2).sum() + (W3 ** 2).sum())
    return -(t * np.log(p + DT(1e-30))).sum() / t.shape[0] + penalty


def run(epochs=15, lr=DT(0.2)):
    rng = np.random.default_rng(5)
    x, t = make_dataset(rng)
    W1, b1 = init(rng, FEATURES, HIDDEN)
    W2, b2 = init(rng, HIDDEN, HIDDEN)
    W3, b3 = init(rng, HIDDEN, CLASSES)

    for epoch in range(epochs):
        order = rng.permutation(len(x))
        total = 0.0
        for lo in range(0, len(x), BATCH):
            xb, tb = x[order[lo:lo + BATCH]], t[order[lo:lo + BATCH]]
            h1, h2, p = fprop(xb, W1, b1, W2, b2, W3, b3)
            total += float(objective(tb, p, W1, W2, W3))
            gW1, gb1, gW2, gb2, gW3, gb3 = bprop(xb, tb, h1, h2, p, W1, W2, W3)
            W1 -= lr * gW1
            b1 -= lr * gb1
            W2 -= lr * gW2
            b2 -= lr * gb2
            W3 -= lr * gW3
            b3 -= lr * gb3
        if epoch % 5 == 4:
            print("epoch %2d   objective %.4f   (%s)" % (epoch + 1, total * BATCH / len(x), W1.dtype))
    return fprop(x, W1, b1, W2, b2, W3, b3)[2].argmax(1) == t.argmax(1)


hits = run()
print("hits: %d of %d" % (hits.sum(), hits.size))
