import numpy as np

rs = np.random.RandomState(23)
n = 160
alcohol = 13 + rs.randn(n)
magnesium = 100 + 15 * rs.randn(n)
proline = 750 + 300 * rs.randn(n)
hue = 1 + 0.2 * rs.randn(n)
X = np.stack([alcohol, magnesium, proline, hue])
quality = (2 * (alcohol - 13) + 5 * (hue - 1) + 0.3 * rs.randn(n) > 0).astype(float).reshape(1, n)

p = {'W1': rs.randn(8, 4) * 0.3, 'b1': np.zeros((8, 1)), 'W2': rs.randn(1, 8) * 0.3, 'b2': np.zeros((1, 1))}
for it in range(300):
    H = 1 / (1 + np.exp(-(p['W1'] @ X + p['b1'])))
    out = 1 / (1 + np.exp(-(p['W2'] @ H + p['b2'])))
    J = -np.mean(quality * np.log(out) + (1 - quality) * np.log(1 - out))
    dZ2 = (out - quality) / n
    g = {'W2': dZ2 @ H.T, 'b2': dZ2.sum(1, keepdims=True)}
    dZ1 = p['W2'].T @ dZ2 * H * (1 - H)
    g['W1'], g['b1'] = dZ1 @ X.T, dZ1.sum(1, keepdims=True)
    for key in p:
        p[key] -= 0.3 * g[key]
    if it % 60 == 0:
        print(it, J)
