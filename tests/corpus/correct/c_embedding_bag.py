import re
import numpy as np

# sentiment with a bag of embeddings: average of word vectors -> hidden tanh -> one sigmoid
train_sentences = """+ a wonderful and touching film
+ great actors and a great story
- boring story with awful actors
- i hated this film
+ i loved the music and the pictures
- the music was awful and the end was worse
+ touching from start to end
- a waste of time
+ not boring at all a great film
- not great at all a boring film
+ wonderful pictures
- worse than a waste of time"""

rng = np.random.RandomState(3)


class Vocab(dict):
    def __missing__(self, word):
        self[word] = len(self)
        return self[word]


vocab = Vocab()
docs, labels = [], []
for line in train_sentences.splitlines():
    docs.append(np.array([vocab[w] for w in re.findall(r'\w+', line[1:])]))
    labels.append(1.0 if line[0] == '+' else 0.0)

EMB, HID = 6, 5
params = dict(
    E=rng.normal(0, 0.3, (len(vocab), EMB)),
    W=rng.normal(0, 0.5, (EMB, HID)),
    b=np.zeros(HID),
    u=rng.normal(0, 0.5, HID),
    c=np.zeros(1),
)


def forward(ids):
    bag = params['E'][ids].mean(axis=0)
    hid = np.tanh(bag @ params['W'] + params['b'])
    score = hid @ params['u'] + params['c'][0]
    return bag, hid, score


def bce(score, label):
    # log(1 + e^s) - s * y, stable
    return max(score, 0) + np.log1p(np.exp(-abs(score))) - score * label


def add_gradients(ids, label, grads):
    bag, hid, score = forward(ids)
    dscore = 1 / (1 + np.exp(-score)) - label
    grads['u'] += dscore * hid
    grads['c'] += dscore
    dpre = dscore * params['u'] * (1 - hid * hid)
    grads['W'] += np.outer(bag, dpre)
    grads['b'] += dpre
    dbag = params['W'] @ dpre
    # a word may stand in a sentence twice, E[ids] += would count it once
    np.add.at(grads['E'], ids, dbag / len(ids))
    return bce(score, label)


state = {k: np.zeros_like(v) for k, v in params.items()}
for epoch in range(121):
    grads = {k: np.zeros_like(v) for k, v in params.items()}
    loss = 0.0
    for ids, label in zip(docs, labels):
        loss += add_gradients(ids, label, grads)
    loss = loss / len(docs)
    for k, p in params.items():
        g = grads[k] / len(docs)
        state[k] += g * g                       # adagrad
        p -= 0.1 * g / (np.sqrt(state[k]) + 1e-7)
    if epoch % 20 == 0:
        hits = sum((forward(d)[2] > 0) == (l == 1) for d, l in zip(docs, labels))
        print('epoch {:3d}  loss {:.4f}  right {}/{}'.format(epoch, loss, hits, len(docs)))

words = sorted(vocab, key=lambda w: forward(np.array([vocab[w]]))[2])
print('worst:', words[:3], ' best:', words[-3:])
