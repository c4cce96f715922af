"""A teacher trained with class weights, then a small student that learns from its temperature."""
import numpy as np

rnd = np.random.RandomState(5)
n, d, k = 120, 5, 3
centre = rnd.randn(k, d) * 1.5
label = rnd.choice(k, n, p=[0.6, 0.3, 0.1])
data = centre[label] + rnd.randn(n, d)
onehot = np.eye(k)[label]
weight = n / (k * np.bincount(label))


def soften(z, temperature=1.0):
    z = z / temperature
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


A = rnd.randn(d, 12) * 0.4
a = np.zeros(12)
B = rnd.randn(12, k) * 0.3
b = np.zeros(k)
for epoch in range(12):
    order = rnd.permutation(n)
    for part in np.split(order, 4):
        hidden = np.maximum(data[part] @ A + a, 0)
        g = (soften(hidden @ B + b) - onehot[part]) * weight[label[part], None]
        g /= len(part)
        back = g @ B.T
        back[hidden <= 0] = 0
        B = B - 0.3 * (hidden.T @ g + 1e-3 * B)
        b = b - 0.3 * g.sum(0)
        A = A - 0.3 * (data[part].T @ back + 1e-3 * A)
        a = a - 0.3 * back.sum(0)
teacher = np.maximum(data @ A + a, 0) @ B + b
print("teacher %.3f" % (teacher.argmax(1) == label).mean())

T, mix = 2.0, 0.7
target = soften(teacher, T)
C, D = rnd.randn(d, 4) * 0.4, rnd.randn(4, k) * 0.4
c, e = np.zeros(4), np.zeros(k)
for step in range(60):
    z1 = np.tanh(data @ C + c)
    z2 = z1 @ D + e
    loss = -mix * T * T * (target * np.log(soften(z2, T))).sum() / n
    loss -= (1 - mix) * (onehot * np.log(soften(z2))).sum() / n
    dz = mix * T * (soften(z2, T) - target) + (1 - mix) * (soften(z2) - onehot)
    dz /= n
    dh = dz @ D.T * (1 - z1 ** 2)
    for p, g in zip((C, c, D, e), (data.T @ dh, dh.sum(0), z1.T @ dz, dz.sum(0))):
        p -= 0.5 * g
print("student %.4f" % loss)
