import numpy as np

rng = np.random.RandomState(31)


def softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=0, keepdims=True)


def cost(P, T):
    return -(T * np.log(P + 1e-7)).sum() / T.shape[1]


n = 140
X = rng.randn(3, n) * 4
labels = X.argmax(axis=0)
labels[::7] = (labels[::7] + 1) % 3
T = np.eye(3)[labels].T
params = {'W': 9 * np.eye(3) + rng.randn(3, 3), 'b': np.zeros((3, 1))}
for i in range(120):
    Z = params['W'] @ X + params['b']
    P = softmax(Z)
    J = cost(P, T)
    dZ = (P - T) / n
    params['W'] -= 0.01 * dZ @ X.T
    params['b'] -= 0.01 * dZ.sum(axis=1, keepdims=True)
print('cost', J)
