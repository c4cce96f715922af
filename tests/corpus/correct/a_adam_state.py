import numpy as np
from collections import defaultdict

# ----- swish network for a 1-d curve, trained with Adam --------------------

np.random.seed(7)
xs = np.linspace(-4, 4, 64)[:, np.newaxis]
ys = xs * np.exp(-xs ** 2 / 4) + 0.3 * np.sign(xs - 1)

theta = {
    'w_in': np.random.randn(1, 12),
    'b_in': np.random.randn(12),
    'w_mid': np.random.randn(12, 12) * 0.3,
    'b_mid': np.zeros(12),
    'w_out': np.random.randn(12, 1) * 0.3,
    'b_out': np.zeros(1),
}

state = {'t': 0, 'm': defaultdict(float), 'v': defaultdict(float)}
hyper = dict(alpha=0.01, beta1=0.9, beta2=0.999, eps=1e-8)


def logistic(u):
    return 0.5 * (1 + np.tanh(0.5 * u))


def swish(u):
    return u * logistic(u)


def d_swish(u):
    s = logistic(u)
    return s + u * s * (1 - s)


def forward(theta, x):
    tape = {}
    tape['u1'] = x @ theta['w_in'] + theta['b_in']
    tape['h1'] = swish(tape['u1'])
    tape['u2'] = tape['h1'] @ theta['w_mid'] + theta['b_mid']
    tape['h2'] = swish(tape['u2'])
    tape['out'] = tape['h2'] @ theta['w_out'] + theta['b_out']
    return tape


def log_cosh(r):
    return np.abs(r) + np.log1p(np.exp(-2 * np.abs(r))) - np.log(2)


def backward(theta, tape, x, y):
    n = x.shape[0]
    d_out = np.tanh(tape['out'] - y) / n
    d_u2 = (d_out @ theta['w_out'].T) * d_swish(tape['u2'])
    d_u1 = (d_u2 @ theta['w_mid'].T) * d_swish(tape['u1'])
    return {
        'w_out': tape['h2'].T @ d_out,
        'b_out': d_out.sum(axis=0),
        'w_mid': tape['h1'].T @ d_u2,
        'b_mid': d_u2.sum(axis=0),
        'w_in': x.T @ d_u1,
        'b_in': d_u1.sum(axis=0),
    }


def adam(theta, grads, state, alpha, beta1, beta2, eps):
    state['t'] += 1
    correction1 = 1 - beta1 ** state['t']
    correction2 = 1 - beta2 ** state['t']
    for name, grad in grads.items():
        state['m'][name] = beta1 * state['m'][name] + (1 - beta1) * grad
        state['v'][name] = beta2 * state['v'][name] + (1 - beta2) * grad ** 2
        m_hat = state['m'][name] / correction1
        v_hat = state['v'][name] / correction2
        theta[name] = theta[name] - alpha * m_hat / (np.sqrt(v_hat) + eps)


for it in range(400):
    tape = forward(theta, xs)
    objective = log_cosh(tape['out'] - ys).mean()
    grads = backward(theta, tape, xs, ys)
    adam(theta, grads, state, **hyper)
    if it % 100 == 0:
        print('iter {:4d}   log-cosh {:.6f}'.format(it, objective))

print('fit at 0:', float(forward(theta, np.zeros((1, 1)))['out'][0, 0]))
