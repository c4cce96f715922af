import numpy as np


def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1).dot(w) + b
    cache = (x, w, b)
    return out, cache


def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def relu_forward(x):
    return np.maximum(0, x), x


def relu_backward(dout, cache):
    x = cache
    dx = dout * (x > 0)
    return dx


def affine_relu_forward(x, w, b):
    a, fc_cache = affine_forward(x, w, b)
    out, relu_cache = relu_forward(a)
    return out, (fc_cache, relu_cache)


def affine_relu_backward(dout, cache):
    fc_cache, relu_cache = cache
    da = relu_backward(dout, relu_cache)
    return affine_backward(da, fc_cache)


def softmax_loss(x, y):
    shifted_logits = x - np.max(x, axis=1, keepdims=True)
    Z = np.sum(np.exp(shifted_logits), axis=1, keepdims=True)
    log_probs = shifted_logits - np.log(Z)
    N = x.shape[0]
    loss = -np.sum(log_probs[np.arange(N), y]) / N
    dx = np.exp(log_probs)
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx


class ThreeLayerNet(object):
    def __init__(self, input_dim, hidden_dim, num_classes, weight_scale=0.3, reg=0.02, seed=231):
        rng = np.random.RandomState(seed)
        self.reg = reg
        self.params = {
            'W1': weight_scale * rng.randn(input_dim, hidden_dim), 'b1': 0.05 * rng.randn(hidden_dim),
            'W2': weight_scale * rng.randn(hidden_dim, hidden_dim), 'b2': 0.05 * rng.randn(hidden_dim),
            'W3': weight_scale * rng.randn(hidden_dim, num_classes), 'b3': np.zeros(num_classes),
        }

    def loss(self, X, y=None):
        p = self.params
        h1, cache1 = affine_relu_forward(X, p['W1'], p['b1'])
        h2, cache2 = affine_relu_forward(h1, p['W2'], p['b2'])
        scores, cache3 = affine_forward(h2, p['W3'], p['b3'])
        if y is None:
            return scores

        loss, dscores = softmax_loss(scores, y)
        for k in ('W1', 'W2', 'W3'):
            loss += 0.5 * self.reg * np.sum(p[k] ** 2)

        grads = {}
        dh2, grads['W3'], grads['b3'] = affine_backward(dscores, cache3)
        dh1, grads['W2'], grads['b2'] = affine_relu_backward(dh2, cache2)
        dx, grads['W1'], grads['b1'] = affine_relu_backward(dh1, cache1)
        grads['W3'] += self.reg * p['W3']
        grads['W2'] += self.reg * p['W2']
        grads['W1'] += self.reg * p['W1']
        return loss, grads


def sgd(w, dw, config):
    w -= config['learning_rate'] * dw
    return w, config


class Solver(object):
    def __init__(self, model, X, y, **kwargs):
        self.model, self.X, self.y = model, X, y
        self.batch_size = kwargs.pop('batch_size', 25)
        self.num_iters = kwargs.pop('num_iters', 200)
        self.print_every = kwargs.pop('print_every', 50)
        optim_config = kwargs.pop('optim_config', {})
        self.optim_configs = {p: dict(optim_config) for p in model.params}
        self.loss_history = []

    def _step(self):
        batch_mask = np.random.choice(self.X.shape[0], self.batch_size)
        loss, grads = self.model.loss(self.X[batch_mask], self.y[batch_mask])
        self.loss_history.append(loss)
        for p, w in self.model.params.items():
            next_w, next_config = sgd(w, grads[p], self.optim_configs[p])
            self.model.params[p] = next_w
            self.optim_configs[p] = next_config

    def train(self):
        for t in range(self.num_iters):
            self._step()
            if t % self.print_every == 0:
                print('(Iteration %d / %d) loss: %f' % (t + 1, self.num_iters, self.loss_history[-1]))


np.random.seed(231)
images = np.random.randn(120, 2, 3)
labels = np.argmax(images.reshape(120, -1).dot(np.random.randn(6, 4)), axis=1)
solver = Solver(ThreeLayerNet(6, 9, 4), images, labels, optim_config={'learning_rate': 0.2})
solver.train()
print('accuracy', np.mean(solver.model.loss(images).argmax(axis=1) == labels))
