"""Variational autoencoder; the divergence is warmed up, and both parts of the bound are printed apart."""
import numpy as np

gen = np.random.default_rng(21)
t = np.linspace(-1, 1, 10)
signal = np.exp(-((t - gen.uniform(-0.5, 0.5, (60, 1))) ** 2) / 0.1) + 0.05 * gen.normal(size=(60, 10))
VARIANCE = 0.05


class Affine:
    def __init__(self, fan_in, fan_out, scale=1.0):
        self.w = gen.normal(size=(fan_in, fan_out)) * scale / np.sqrt(fan_in)
        self.b = np.zeros(fan_out)
        for name in ("w", "b"):
            setattr(self, "v_" + name, 0.0)

    def __call__(self, x):
        self.x = x
        return x @ self.w + self.b

    def back(self, d):
        self.d_w, self.d_b = self.x.T @ d, d.sum(0)
        return d @ self.w.T

    def step(self, lr):
        for name in ("w", "b"):
            v = 0.9 * getattr(self, "v_" + name) + getattr(self, "d_" + name)
            setattr(self, "v_" + name, v)
            setattr(self, name, getattr(self, name) - lr * v)


encoder, mean, logvar = Affine(10, 8), Affine(8, 2), Affine(8, 2, 0.1)
decoder, readout = Affine(2, 8), Affine(8, 10)
for epoch in range(30):
    beta = min(1.0, (epoch + 1) / 12)
    noise = gen.normal(size=(60, 2))
    h = np.tanh(encoder(signal))
    mu, lv = mean(h), logvar(h)
    std = np.exp(lv / 2)
    k = np.tanh(decoder(mu + std * noise))
    guess = readout(k)
    reconstruction = ((signal - guess) ** 2).sum() / (2 * VARIANCE) / 60
    divergence = 0.5 * (mu ** 2 + std ** 2 - 1 - lv).sum() / 60
    dk = readout.back((guess - signal) / VARIANCE / 60)
    dz = decoder.back(dk * (1 - k ** 2))
    dh = mean.back(dz + beta * mu / 60)
    dh += logvar.back(0.5 * std * noise * dz + beta * 0.5 * (std ** 2 - 1) / 60)
    encoder.back(dh * (1 - h ** 2))
    for layer in (encoder, mean, logvar, decoder, readout):
        layer.step(2e-3)
    if epoch % 10 == 9:
        print(f"{epoch + 1:3d} {reconstruction:9.4f} {divergence:8.4f}")
