import numpy as np

rng = np.random.RandomState(6)
sizes = [8, 16, 16, 16, 16, 16, 16, 16, 2]

weights = []
biases = []
for a, b in zip(sizes[:-1], sizes[1:]):
    weights.append(rng.randn(a, b) * 0.2)
    biases.append(np.zeros(b))

X = rng.randn(128, 8)
T = np.eye(2)[(X[:, 0] + X[:, 1] ** 2 > 1).astype(int)]


def sigm(v):
    return 1 / (1 + np.exp(-v))


for epoch in range(150):
    acts = [X]
    for w, b in zip(weights[:-1], biases[:-1]):
        acts.append(sigm(acts[-1] @ w + b))
    scores = acts[-1] @ weights[-1] + biases[-1]
    scores = scores - scores.max(axis=1, keepdims=True)
    probs = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    loss = -np.mean(np.sum(T * np.log(probs), axis=1))
    delta = (probs - T) / len(X)
    for i in range(len(weights) - 1, -1, -1):
        gw = acts[i].T @ delta
        gb = delta.sum(axis=0)
        if i > 0:
            delta = delta @ weights[i].T * acts[i] * (1 - acts[i])
        weights[i] -= 0.5 * gw
        biases[i] -= 0.5 * gb
    if epoch % 30 == 0:
        print(epoch, loss)
