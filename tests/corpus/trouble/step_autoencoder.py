import numpy as np

gen = np.random.RandomState(4)
basis = gen.randn(2, 8)
data = gen.randn(120, 2) @ basis
data /= data.std()

enc = gen.randn(8, 3) * 0.3
dec = gen.randn(3, 8) * 0.3


def train(enc, dec, data, learning_rate=0.01, epochs=100):
    n = data.size
    for epoch in range(epochs):
        code = data @ enc
        back = code @ dec
        delta = back - data
        loss = (delta ** 2).sum() / n
        g = 2 * delta / n
        g_dec = code.T @ g
        g_enc = data.T @ (g @ dec.T)
        dec -= learning_rate * g_dec
        enc -= learning_rate * g_enc
        if epoch % 20 == 0:
            print('%d %.5f' % (epoch, loss))


train(enc, dec, data, learning_rate=6.0)
