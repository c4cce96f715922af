# Pixels and labels arrive as uint8 and are converted before anything is computed.
import numpy as np

rng = np.random.RandomState(2)
images = rng.randint(0, 256, size=(150, 5, 5)).astype(np.uint8)
labels = (images[:, 2, 2] > 127).astype(np.uint8)
X = images.reshape(150, -1) / 255.0 - 0.5
Y = labels.reshape(-1, 1).astype(np.float64)
onehot = np.zeros((150, 2), dtype=int)
onehot[np.arange(150), labels] = 1
W1, b1 = rng.randn(25, 8) * 0.3, np.zeros((1, 8))
W2, b2 = rng.randn(8, 1) * 0.3, np.zeros((1, 1))
for it in range(200):
    H = np.tanh(X.dot(W1) + b1)
    A = 1 / (1 + np.exp(-(H.dot(W2) + b2)))
    cost = -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    dZ = (A - Y) / 150
    dH = dZ.dot(W2.T) * (1 - H ** 2)
    W2 -= 0.5 * H.T.dot(dZ)
    b2 -= 0.5 * dZ.sum(axis=0, keepdims=True)
    W1 -= 0.5 * X.T.dot(dH)
    b1 -= 0.5 * dH.sum(axis=0, keepdims=True)
predicted = (A > 0.5).astype(int)
hits = np.sum(predicted[:, 0] - labels.astype(int) == 0)
print("%.6f %d %d" % (cost, hits, onehot.sum()))
