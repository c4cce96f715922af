import numpy as np

rng = np.random.default_rng(8)
x = np.linspace(-1, 1, 60).reshape(1, -1)
t = np.sin(3 * x)

config = {'momentum': 0.9, 'rate': 3.0, 'epochs': 200}

params = {
    'W1': rng.standard_normal((10, 1)),
    'b1': np.zeros((10, 1)),
    'W2': rng.standard_normal((1, 10)) * 0.3,
    'b2': np.zeros((1, 1)),
}
velocity = {k: np.zeros_like(v) for k, v in params.items()}

for epoch in range(config['epochs']):
    h = np.tanh(params['W1'] @ x + params['b1'])
    out = params['W2'] @ h + params['b2']
    diff = out - t
    loss = 0.5 * np.mean(diff ** 2)
    dout = diff / x.shape[1]
    grads = {'W2': dout @ h.T, 'b2': dout.sum(axis=1, keepdims=True)}
    dh = params['W2'].T @ dout * (1 - h ** 2)
    grads['W1'] = dh @ x.T
    grads['b1'] = dh.sum(axis=1, keepdims=True)
    for k in params:
        velocity[k] = config['momentum'] * velocity[k] - config['rate'] * grads[k]
        params[k] = params[k] + velocity[k]
    if epoch % 40 == 0:
        print(epoch, loss)
