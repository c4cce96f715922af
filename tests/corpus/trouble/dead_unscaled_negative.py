import numpy as np

rng = np.random.RandomState(80)
X = np.abs(rng.randn(90, 4)) + 0.5
Y = X[:, :1] * X[:, 1:2]
net = {
    'W1': -rng.rand(4, 10),
    'b1': np.zeros(10),
    'W2': rng.randn(10, 1) * 0.4,
    'b2': np.zeros(1),
}
for i in range(250):
    z = X @ net['W1'] + net['b1']
    h = z * (z > 0)
    o = h @ net['W2'] + net['b2']
    loss = ((o - Y) ** 2).mean()
    do = 2 * (o - Y) / len(X)
    dz = do @ net['W2'].T * (z > 0)
    net['W2'] -= 0.01 * h.T @ do
    net['b2'] -= 0.01 * do.sum(0)
    net['W1'] -= 0.01 * X.T @ dz
    net['b1'] -= 0.01 * dz.sum(0)
print(loss)
