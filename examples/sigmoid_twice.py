# Plain functions and globals. Shows: BP101. dsigmoid(s) wants the activation and is given z1, from
# before it. The loss goes down all the same, which is why nobody notices.
import numpy as np

rng = np.random.RandomState(3)
N, D, H = 120, 3, 6
x = rng.randn(N, D)
t = (np.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:] > 0).astype(float)

W1 = rng.randn(D, H) * 0.5
b1 = np.zeros(H)
W2 = rng.randn(H, 1) * 0.5
b2 = np.zeros(1)
lr = 0.01


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def dsigmoid(s):
    return s * (1.0 - s)


def forward(x):
    z1 = x @ W1 + b1
    h = sigmoid(z1)
    y = sigmoid(h @ W2 + b2)
    return z1, h, y


def loss(y):
    return -np.mean(t * np.log(y) + (1 - t) * np.log(1 - y))


def gradients(z1, h, y):
    d2 = (y - t) / N
    d1 = (d2 @ W2.T) * dsigmoid(z1)
    return x.T @ d1, d1.sum(axis=0), h.T @ d2, d2.sum(axis=0)


for epoch in range(300):
    z1, h, y = forward(x)
    if epoch % 100 == 0:
        print("epoch", epoch, "loss %.4f" % loss(y))
    gW1, gb1, gW2, gb2 = gradients(z1, h, y)
    W1 = W1 - lr * gW1
    b1 = b1 - lr * gb1
    W2 = W2 - lr * gW2
    b2 = b2 - lr * gb2
print("final loss %.4f" % loss(forward(x)[2]))
