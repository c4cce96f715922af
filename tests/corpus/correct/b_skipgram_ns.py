import random
import numpy as np
from collections import Counter

# ---- corpus -------------------------------------------------------
sentences = """
the king rules the castle
the queen rules the castle
the farmer works on the field
the worker works on the field
a king and a queen live in the castle
a farmer and a worker live near the field
""".strip().split('\n')
tokens = [s.split() for s in sentences]
counts = Counter(w for s in tokens for w in s)
vocab = sorted(counts)
word2idx = {w: i for i, w in enumerate(vocab)}
V = len(vocab)

random.seed(12)
np.random.seed(12)

unigram = np.array([counts[w] for w in vocab]) ** 0.75
unigram = unigram / unigram.sum()


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


class Word2Vec:
    def __init__(self, V, dim, negatives=4, alpha=0.08):
        self.w_in = (np.random.rand(V, dim) - 0.5) / dim
        self.w_out = (np.random.rand(V, dim) - 0.5) / dim
        self.negatives = negatives
        self.alpha = alpha

    def draw_negatives(self, positive):
        out = []
        while len(out) < self.negatives:
            cand = int(np.random.choice(V, p=unigram))
            if cand != positive and cand not in out:
                out.append(cand)
        return out

    def pair_loss(self, center, context, negs):
        v = self.w_in[center]
        loss = -np.log(sigmoid(np.dot(self.w_out[context], v)))
        for n in negs:
            loss -= np.log(sigmoid(-np.dot(self.w_out[n], v)))
        return loss

    def train_pair(self, center, context, negs):
        loss = self.pair_loss(center, context, negs)
        v = self.w_in[center]
        neu1e = np.zeros(v.shape[0])
        for word, label in [(context, 1)] + [(n, 0) for n in negs]:
            z = np.dot(v, self.w_out[word])
            p = sigmoid(z)
            g = self.alpha * (label - p)
            before = self.w_out[word].copy()
            self.w_out[word] += g * v
            neu1e += g * before
        self.w_in[center] += neu1e
        return loss


def skipgrams(sentence, window=2):
    for pos, w in enumerate(sentence):
        for off in range(-window, window + 1):
            other = pos + off
            if off == 0 or other < 0 or other >= len(sentence):
                continue
            yield word2idx[w], word2idx[sentence[other]]


model = Word2Vec(V, 8)
for epoch in range(5):
    total, seen = 0.0, 0
    random.shuffle(tokens)
    for sentence in tokens:
        for center, context in skipgrams(sentence):
            negs = model.draw_negatives(context)
            total += model.train_pair(center, context, negs)
            seen += 1
    print('epoch %d: mean loss %.4f over %d pairs' % (epoch, total / seen, seen))


def closest(word, k=3):
    unit = model.w_in / np.linalg.norm(model.w_in, axis=1, keepdims=True)
    sims = unit @ unit[word2idx[word]]
    return [vocab[i] for i in np.argsort(-sims)[1:k + 1]]


print('king ->', closest('king'))
