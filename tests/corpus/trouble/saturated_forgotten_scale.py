import numpy as np

# 64 inputs, weights drawn with variance 25: every first-layer unit is at an asymptote
rs = np.random.RandomState(9)
images = rs.rand(180, 64)
digits = (images[:, :32].sum(1) > images[:, 32:].sum(1)).astype(int)


def one_hot(v, k):
    out = np.zeros((len(v), k))
    out[np.arange(len(v)), v] = 1
    return out


T = one_hot(digits, 2)
w_hidden = rs.normal(0, 5, size=(64, 20))
w_output = rs.normal(0, 0.2, size=(20, 2))
eta = 0.3

for epoch in range(150):
    hidden = np.tanh(images.dot(w_hidden))
    raw = hidden.dot(w_output)
    raw -= raw.max(axis=1)[:, None]
    p = np.exp(raw)
    p /= p.sum(axis=1)[:, None]
    loss = -np.mean(np.sum(T * np.log(p + 1e-15), axis=1))
    d_raw = (p - T) / len(T)
    d_hidden = d_raw.dot(w_output.T) * (1 - hidden * hidden)
    w_output -= eta * hidden.T.dot(d_raw)
    w_hidden -= eta * images.T.dot(d_hidden)
    if epoch % 30 == 0:
        print(epoch, loss)
