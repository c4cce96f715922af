# shared trunk, head A classifies (3 classes), head B counts (regression on log scale)
# two costs, J = J_class + weight * J_count
import numpy as np

rand = np.random.RandomState(2)
SAMPLES, FEATURES, TRUNK, CLASSES = 150, 5, 11, 3
WEIGHT = 0.4
RATE = 0.3

features = rand.randn(SAMPLES, FEATURES)
score = features @ rand.randn(FEATURES, CLASSES)
klass = score.argmax(axis=1)
count = np.log1p(np.abs(features[:, 0] * 2 + features[:, 1])).reshape(-1, 1)

theta = {
    'trunk/W': rand.randn(FEATURES, TRUNK) * 0.5,
    'trunk/b': np.zeros(TRUNK),
    'class/W': rand.randn(TRUNK, CLASSES) * 0.3,
    'class/b': np.zeros(CLASSES),
    'count/W1': rand.randn(TRUNK, 6) * 0.4,
    'count/b1': np.zeros(6),
    'count/W2': rand.randn(6, 1) * 0.4,
    'count/b2': np.zeros(1),
}


def forward(theta, x):
    t = {'x': x}
    t['shared'] = np.arctan(x @ theta['trunk/W'] + theta['trunk/b'])
    t['shared_in'] = x @ theta['trunk/W'] + theta['trunk/b']
    logits = t['shared'] @ theta['class/W'] + theta['class/b']
    logits -= logits.max(axis=1, keepdims=True)
    t['prob'] = np.exp(logits)
    t['prob'] /= t['prob'].sum(axis=1, keepdims=True)
    t['hid'] = np.tanh(t['shared'] @ theta['count/W1'] + theta['count/b1'])
    t['count'] = t['hid'] @ theta['count/W2'] + theta['count/b2']
    return t


def class_cost(t, klass):
    return -np.log(t['prob'][np.arange(len(klass)), klass]).mean()


def count_cost(t, count):
    return 0.5 * ((t['count'] - count) ** 2).mean()


def backward(theta, t, klass, count):
    n = len(klass)
    grad = {}
    # head A
    dA = t['prob'].copy()
    dA[np.arange(n), klass] -= 1
    dA /= n
    grad['class/W'] = t['shared'].T @ dA
    grad['class/b'] = dA.sum(axis=0)
    d_shared = dA @ theta['class/W'].T
    # head B
    dB = WEIGHT * (t['count'] - count) / n
    grad['count/W2'] = t['hid'].T @ dB
    grad['count/b2'] = dB.sum(axis=0)
    d_hid = (dB @ theta['count/W2'].T) * (1 - t['hid'] ** 2)
    grad['count/W1'] = t['shared'].T @ d_hid
    grad['count/b1'] = d_hid.sum(axis=0)
    d_shared += d_hid @ theta['count/W1'].T
    # trunk
    d_in = d_shared / (1 + t['shared_in'] ** 2)
    grad['trunk/W'] = t['x'].T @ d_in
    grad['trunk/b'] = d_in.sum(axis=0)
    return grad


for epoch in range(30):
    for sl in (slice(0, 50), slice(50, 100), slice(100, 150)):
        t = forward(theta, features[sl])
        grad = backward(theta, t, klass[sl], count[sl])
        theta = {k: theta[k] - RATE * grad[k] for k in theta}
    if epoch % 10 == 9:
        t = forward(theta, features)
        a, b = class_cost(t, klass), count_cost(t, count)
        print('epoch', epoch + 1, 'class %.4f count %.4f joint %.4f' % (a, b, a + WEIGHT * b))
