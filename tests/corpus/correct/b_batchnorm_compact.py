from collections import OrderedDict
import numpy as np


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx


class Tanh:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, dout):
        return dout * (1.0 - self.out ** 2)


class BatchNormalization:
    def __init__(self, gamma, beta, momentum=0.9):
        self.gamma, self.beta = gamma, beta
        self.momentum = momentum
        self.running_mean = np.zeros_like(gamma)
        self.running_var = np.ones_like(gamma)

    def forward(self, x, train_flg=True):
        if not train_flg:
            xn = (x - self.running_mean) / np.sqrt(self.running_var + 1e-7)
            return self.gamma * xn + self.beta
        mu = x.mean(axis=0)
        xc = x - mu
        var = np.mean(xc ** 2, axis=0)
        self.std = np.sqrt(var + 1e-7)
        self.xn = xc / self.std
        self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
        self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        m = dout.shape[0]
        self.dbeta = dout.sum(axis=0)
        self.dgamma = np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dx = (m * dxn - dxn.sum(axis=0) - self.xn * (dxn * self.xn).sum(axis=0)) / (m * self.std)
        return dx


class MeanSquaredError:
    def forward(self, y, t):
        self.y, self.t = y, t
        return 0.5 * np.sum((y - t) ** 2) / y.shape[0]

    def backward(self):
        return (self.y - self.t) / self.y.shape[0]


class MultiLayerNet:
    def __init__(self, sizes, rng):
        self.layers = OrderedDict()
        for idx in range(1, len(sizes)):
            a, b = sizes[idx - 1], sizes[idx]
            self.layers['Affine' + str(idx)] = Affine(rng.randn(a, b) / np.sqrt(a), np.zeros(b))
            if idx < len(sizes) - 1:
                self.layers['BatchNorm' + str(idx)] = BatchNormalization(np.ones(b), np.zeros(b))
                self.layers['Tanh' + str(idx)] = Tanh()
        self.last_layer = MeanSquaredError()

    def predict(self, x, train_flg=False):
        for layer in self.layers.values():
            if isinstance(layer, BatchNormalization):
                x = layer.forward(x, train_flg)
            else:
                x = layer.forward(x)
        return x

    def loss(self, x, t):
        return self.last_layer.forward(self.predict(x, train_flg=True), t)

    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.last_layer.backward()
        for layer in reversed(list(self.layers.values())):
            dout = layer.backward(dout)
        grads = {}
        for name, layer in self.layers.items():
            if isinstance(layer, Affine):
                grads[name, 'W'], grads[name, 'b'] = layer.dW, layer.db
            elif isinstance(layer, BatchNormalization):
                grads[name, 'gamma'], grads[name, 'beta'] = layer.dgamma, layer.dbeta
        return grads


class SGD:
    def __init__(self, lr):
        self.lr = lr

    def update(self, network, grads):
        for (name, attr), g in grads.items():
            value = getattr(network.layers[name], attr)
            value -= self.lr * g


def main():
    rng = np.random.RandomState(1234)
    x_train = rng.uniform(-1, 1, (120, 4))
    t_train = np.c_[x_train[:, 0] * x_train[:, 1], np.sin(2 * x_train[:, 2]) + x_train[:, 3]]
    network = MultiLayerNet([4, 10, 10, 2], rng)
    optimizer = SGD(0.1)
    train_loss_list = []
    for i in range(120):
        batch_mask = rng.choice(120, 24)
        x_batch, t_batch = x_train[batch_mask], t_train[batch_mask]
        grads = network.gradient(x_batch, t_batch)
        optimizer.update(network, grads)
        train_loss_list.append(network.last_layer.forward(network.predict(x_train), t_train))
        if i % 30 == 0:
            print("iter %d | loss %.5f" % (i, train_loss_list[-1]))
    return network


if __name__ == '__main__':
    net = main()
