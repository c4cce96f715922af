import numpy as np

# XOR with noise; the bias is the first row of each weight matrix

rng = np.random.RandomState(99)


def add_ones(A):
    return np.hstack([np.ones((A.shape[0], 1)), A])


def g(z):
    return 1 / (1 + np.exp(-z))


def g_prime(z):
    return g(z) * (1 - g(z))


raw = rng.randint(0, 2, size=(80, 2))
inputs = raw + 0.15 * rng.randn(80, 2)
targets = np.logical_xor(raw[:, 0], raw[:, 1]).astype(float)[:, None]

n_hidden = 3
Theta1 = rng.uniform(-1, 1, (3, n_hidden))
Theta2 = rng.uniform(-1, 1, (n_hidden + 1, 1))
eta = 2.0
n = len(inputs)
errors = []

epoch = 0
while epoch < 500:
    # forward pass
    a1 = add_ones(inputs)
    z2 = a1.dot(Theta1)
    a2 = add_ones(g(z2))
    z3 = a2.dot(Theta2)
    a3 = g(z3)

    # squared error
    E = np.sum((targets - a3) ** 2) / (2 * n)
    errors.append(E)

    # backward pass, the column of ones has no incoming weights
    delta3 = (targets - a3) * g_prime(z3)
    delta2 = delta3.dot(Theta2[1:].T) * g_prime(z2)
    adjustment2 = a2.T.dot(delta3) / n
    adjustment1 = a1.T.dot(delta2) / n

    Theta2 = Theta2 + eta * adjustment2
    Theta1 = Theta1 + eta * adjustment1
    epoch += 1

print('first error', errors[0])
print('last error ', errors[-1])
print('accuracy   ', np.mean((a3 > 0.5) == (targets > 0.5)))
