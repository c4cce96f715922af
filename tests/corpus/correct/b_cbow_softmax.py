"""CBOW with a full softmax, stochastic, one window after another."""
import numpy as np

text = ("we are about to study the idea of a process processes are abstract beings "
        "that inhabit machines as they evolve processes manipulate other abstract things "
        "called data the evolution of a process is directed by a pattern of rules").split()

CONTEXT = 2
EMBED = 9

vocabulary = sorted(set(text))
to_id = dict(zip(vocabulary, range(len(vocabulary))))
N_WORDS = len(vocabulary)

rng = np.random.RandomState(77)
W1 = rng.uniform(-0.8, 0.8, (N_WORDS, EMBED))
W2 = rng.uniform(-0.8, 0.8, (EMBED, N_WORDS))


def one_hot(i):
    v = np.zeros(N_WORDS)
    v[i] = 1
    return v


def training_data():
    rows = []
    for i in range(CONTEXT, len(text) - CONTEXT):
        around = [to_id[text[i + d]] for d in range(-CONTEXT, CONTEXT + 1) if d != 0]
        rows.append((around, to_id[text[i]]))
    return rows


def softmax(u):
    e = np.exp(u - np.max(u))
    return e / e.sum(axis=0)


def forward_pass(context):
    X = np.array([one_hot(c) for c in context])
    x = X.mean(axis=0)
    h = np.dot(W1.T, x)
    u = np.dot(W2.T, h)
    return softmax(u), h, u, x


def backprop(e, h, x, eta):
    global W1, W2
    dl_dW2 = np.outer(h, e)
    dl_dh = np.dot(W2, e); W2 = W2 - (eta * dl_dW2)
    dl_dW1 = np.outer(x, dl_dh); W1 = W1 - (eta * dl_dW1)


def window_loss(u, target):
    return -u[target] + np.log(np.sum(np.exp(u)))


data = training_data()
loss_per_epoch = []
for epoch in range(12):
    loss = 0
    for context, target in data:
        y_pred, h, u, x = forward_pass(context)
        e = y_pred - one_hot(target)
        backprop(e, h, x, 0.1)
        loss += window_loss(u, target)
    loss_per_epoch.append(loss)
    if epoch % 3 == 0:
        print('EPOCH:', epoch, 'LOSS:', loss)

hits = 0
for context, target in data:
    y_pred = forward_pass(context)[0]
    hits += int(np.argmax(y_pred) == target)
print('training windows right:', hits, 'of', len(data))
