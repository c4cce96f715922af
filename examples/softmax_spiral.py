# Softmax classifier with one hidden layer on three arms of a spiral, penalty included on both
# sides. Shows: nothing to report. p[range(m), y] -= 1 changes the probabilities in place, after
# the loss has read them.
import numpy as np

np.random.seed(0)
per_class, classes, h, reg, step_size = 40, 3, 20, 1e-3, 1.0
m = per_class * classes
X = np.zeros((m, 2))
y = np.zeros(m, dtype='uint8')
for j in range(classes):
    ix = range(per_class * j, per_class * (j + 1))
    r = np.linspace(0.05, 1, per_class)
    t = np.linspace(j * 4, (j + 1) * 4, per_class) + np.random.randn(per_class) * 0.2
    X[ix] = np.c_[r * np.sin(t), r * np.cos(t)]
    y[ix] = j

W = 0.1 * np.random.randn(2, h)
b = np.zeros((1, h))
W2 = 0.1 * np.random.randn(h, classes)
b2 = np.zeros((1, classes))

for i in range(300):
    hidden = np.maximum(0, np.dot(X, W) + b)
    scores = np.dot(hidden, W2) + b2
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    data_loss = np.sum(-np.log(p[range(m), y])) / m
    loss = data_loss + 0.5 * reg * np.sum(W * W) + 0.5 * reg * np.sum(W2 * W2)
    if i % 100 == 0:
        print("iteration %d: loss %f" % (i, loss))

    p[range(m), y] -= 1
    p /= m
    dW2 = np.dot(hidden.T, p)
    db2 = np.sum(p, axis=0, keepdims=True)
    dhidden = np.dot(p, W2.T)
    dhidden[hidden <= 0] = 0
    dW = np.dot(X.T, dhidden)
    db = np.sum(dhidden, axis=0, keepdims=True)
    dW2 += reg * W2
    dW += reg * W

    W += -step_size * dW
    b += -step_size * db
    W2 += -step_size * dW2
    b2 += -step_size * db2
print("training accuracy: %.2f" % np.mean(np.argmax(scores, axis=1) == y))
