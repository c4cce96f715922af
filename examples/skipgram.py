# word2vec, skip-gram, full softmax, one centre word a step. Shows: nothing to report, although
# only one row of W_in changes in each step.
import numpy as np

corpus = "a king rules a land and a queen rules a land while a dog guards a house".split()
vocab = sorted(set(corpus))
index = {w: i for i, w in enumerate(vocab)}
V, dim, window, eta = len(vocab), 6, 2, 0.1

rng = np.random.RandomState(42)
W_in = rng.uniform(-0.5, 0.5, (V, dim))
W_out = rng.uniform(-0.5, 0.5, (dim, V))


def softmax(u):
    e = np.exp(u - u.max())
    return e / e.sum()


samples = []
for pos, word in enumerate(corpus):
    around = corpus[max(0, pos - window):pos] + corpus[pos + 1:pos + 1 + window]
    samples.append((index[word], [index[c] for c in around]))

for epoch in range(10):
    epoch_loss = 0
    for centre, context in samples:
        h = W_in[centre]
        u = np.dot(W_out.T, h)
        y = softmax(u)
        loss = -np.sum([u[c] for c in context]) + len(context) * np.log(np.sum(np.exp(u)))
        epoch_loss += loss
        EI = np.zeros(V)
        for c in context:
            e = y.copy()
            e[c] -= 1
            EI += e
        dW_out = np.outer(h, EI)
        dh = np.dot(W_out, EI)
        W_out -= eta * dW_out
        W_in[centre] -= eta * dh
    if epoch % 5 == 0:
        print("epoch", epoch, "loss", np.round(epoch_loss, 4))
