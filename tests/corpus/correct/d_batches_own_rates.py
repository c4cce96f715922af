# Logistic regression on mini-batches, gradients summed and divided by the batch in the update;
# the intercept has a learning rate of its own.
import numpy as np

rng = np.random.default_rng(21)
x = rng.normal(size=(96, 4))
label = (x @ np.array([1.5, -2.0, 0.5, 0.0]) + 0.4 > rng.logistic(size=96) * 0.3).astype(float)

rate = 0.4
intercept_rate = 10 * rate
coef = np.zeros(4)
scale = np.ones(1)
intercept = np.zeros(1)
for epoch in range(25):
    total = 0.0
    order = rng.permutation(96)
    for start in range(0, 96, 12):
        batch = order[start:start + 12]
        xb, tb = x[batch], label[batch]
        raw = xb @ coef
        prob = 1 / (1 + np.exp(-(scale * raw + intercept)))
        total -= np.sum(tb * np.log(prob) + (1 - tb) * np.log(1 - prob))
        miss = prob - tb
        g_coef = xb.T @ (miss * scale)
        g_scale = np.sum(miss * raw, keepdims=True)
        g_intercept = np.sum(miss, keepdims=True)
        coef = coef - (rate / len(batch)) * g_coef
        scale = scale - (rate / len(batch)) * g_scale
        intercept = intercept - (intercept_rate / len(batch)) * g_intercept
    if epoch % 8 == 0:
        print("nll", total / 96)
