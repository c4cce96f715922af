# The training loop never computes the training cost; only a held-out error is watched.
import numpy as np

SEED = 1999
rnd = np.random.RandomState(SEED)


class Net:
    pass


def toy_regression(count):
    features = rnd.uniform(-1, 1, (count, 4))
    response = (np.exp(features[:, 0]) * features[:, 1] - features[:, 2] ** 3)[:, None]
    return features, response


def build(n_input, n_hidden):
    net = Net()
    net.A = rnd.normal(scale=0.5, size=(n_hidden, n_input))
    net.a = np.zeros((n_hidden, 1))
    net.B = rnd.normal(scale=0.3, size=(1, n_hidden))
    net.c = np.zeros((1, 1))
    net.D = rnd.normal(scale=0.1, size=(1, n_input))        # shortcut from the input to the output
    net.meanSquare = {name: 0 for name in 'AaBcD'}
    return net


def softsign(t):
    return t / (1 + abs(t))


def propagate(net, x):
    pre = np.dot(net.A, x) + net.a
    hid = softsign(pre)
    return np.dot(net.B, hid) + np.dot(net.D, x) + net.c, hid, pre


def slopes(net, x, y):
    yhat, hid, pre = propagate(net, x)
    count = x.shape[1]
    e = (yhat - y) / count
    g = {}
    g['B'] = np.dot(e, hid.T)
    g['c'] = e.sum(axis=1, keepdims=True)
    g['D'] = np.dot(e, x.T)
    back = np.dot(net.B.T, e) / (1 + abs(pre)) ** 2
    g['A'] = np.dot(back, x.T)
    g['a'] = back.sum(axis=1, keepdims=True)
    return g


def rmsprop(net, g, rate=0.01, rho=0.9, tiny=1e-6):
    for name in g:
        net.meanSquare[name] = rho * net.meanSquare[name] + (1 - rho) * g[name] ** 2
        value = getattr(net, name)
        setattr(net, name, value - rate * g[name] / (np.sqrt(net.meanSquare[name]) + tiny))


def heldout_rmse(net, x, y):
    yhat = propagate(net, x.T)[0]
    return float(np.sqrt(np.mean((yhat - y.T) ** 2)))


train_x, train_y = toy_regression(96)
valid_x, valid_y = toy_regression(40)
net = build(4, 10)
best, patience = np.inf, 0

for sweep in range(60):
    shuffled = rnd.permutation(len(train_x))
    for part in np.array_split(shuffled, 6):
        g = slopes(net, train_x[part].T, train_y[part].T)
        rmsprop(net, g)
    score = heldout_rmse(net, valid_x, valid_y)
    if score < best:
        best, patience = score, 0
    else:
        patience += 1
    if sweep % 15 == 0:
        print('sweep', sweep, 'held-out rmse', round(score, 4))
    if patience > 20:
        break

print('best', round(best, 4), 'after', sweep + 1, 'sweeps')
