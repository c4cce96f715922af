# 1-D convolution by hand: two channels in, K kernels, tanh, global sum over time, linear read-out.
# Regression: how much of pattern A minus how much of pattern B is in the signal.
from math import sqrt
import numpy as np

np.random.seed(11)

LEN, CH, K, WIDTH, STRIDE = 20, 2, 4, 5, 2
N_POS = (LEN - WIDTH) // STRIDE + 1
LR = 0.02

kernels = np.random.randn(K, CH, WIDTH) / sqrt(CH * WIDTH)
kbias = np.zeros(K)
readout = np.random.randn(K) / sqrt(K)
offset = np.zeros(1)


def make_example():
    sig = 0.2 * np.random.randn(CH, LEN)
    a, b = np.random.rand(2)
    i, j = np.random.randint(0, LEN - 4, 2)
    sig[0, i:i + 4] += a * np.array([1, 2, 2, 1])
    sig[1, j:j + 4] -= b * np.array([1, -1, 1, -1])
    return sig, a - b


def forward(sig):
    pre = np.zeros((K, N_POS))
    for k in range(K):
        for pos in range(N_POS):
            acc = kbias[k]
            for c in range(CH):
                for w in range(WIDTH):
                    acc += kernels[k, c, w] * sig[c, pos * STRIDE + w]
            pre[k, pos] = acc
    act = np.tanh(pre)
    pooled = act.sum(axis=1) / N_POS
    guess = float(readout @ pooled + offset[0])
    return pre, act, pooled, guess


def squared_error(guess, truth):
    return (guess - truth) ** 2


def learn(sig, truth):
    global kernels, kbias, readout, offset
    pre, act, pooled, guess = forward(sig)
    d_guess = 2 * (guess - truth)

    g_readout = d_guess * pooled
    g_offset = np.array([d_guess])
    d_pooled = d_guess * readout

    g_kernels = np.zeros_like(kernels)
    g_kbias = np.zeros_like(kbias)
    for k in range(K):
        for pos in range(N_POS):
            d_act = d_pooled[k] / N_POS
            d_pre = d_act * (1 - act[k, pos] ** 2)
            g_kbias[k] += d_pre
            for c in range(CH):
                for w in range(WIDTH):
                    g_kernels[k, c, w] += d_pre * sig[c, pos * STRIDE + w]

    kernels = kernels - LR * g_kernels
    kbias = kbias - LR * g_kbias
    readout = readout - LR * g_readout
    offset = offset - LR * g_offset
    return squared_error(guess, truth)


examples = [make_example() for _ in range(24)]
for sweep in range(5):
    err = 0.0
    for sig, truth in examples:
        err += learn(sig, truth)
    print('sweep', sweep, 'mse', err / len(examples))
