import numpy as np

generator = np.random.default_rng(17)
widths = [6, 30, 30, 30, 30, 30, 1]
layers = [
    {'W': generator.normal(0, 3.0, (n, k)), 'b': np.zeros((1, k))}
    for n, k in zip(widths, widths[1:])
]
x = generator.normal(size=(64, 6))
t = x[:, :1] - x[:, 1:2]
lr = 1e-4

for epoch in range(60):
    h = [x]
    for i, layer in enumerate(layers):
        z = h[-1] @ layer['W'] + layer['b']
        h.append(np.tanh(z) * 0 + np.maximum(z, 0) if i < len(layers) - 1 else z)
    err = h[-1] - t
    cost = np.mean(err ** 2)
    if epoch % 10 == 0:
        print(epoch, cost)
    g = 2 * err / len(x)
    for i in range(len(layers) - 1, -1, -1):
        if i < len(layers) - 1:
            g = g * (h[i + 1] > 0)
        gW, gb = h[i].T @ g, g.sum(axis=0, keepdims=True)
        g = g @ layers[i]['W'].T
        layers[i]['W'] -= lr * gW
        layers[i]['b'] -= lr * gb
