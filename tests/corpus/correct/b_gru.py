#!/usr/bin/env python
"""GRU trained to echo its input with a delay of two steps.

State is a column of floats; a prediction is made at every time step.
"""
import numpy as np

sigma = lambda v: 1. / (1. + np.exp(-v))


def build(n_sym, n_hid, seed):
    r = np.random.RandomState(seed)
    glorot = lambda rows, cols: r.uniform(-1, 1, (rows, cols)) * np.sqrt(6. / (rows + cols))
    theta = dict(
        Wz=glorot(n_hid, n_sym), Uz=glorot(n_hid, n_hid), bz=np.zeros(n_hid),
        Wr=glorot(n_hid, n_sym), Ur=glorot(n_hid, n_hid), br=np.zeros(n_hid),
        Wh=glorot(n_hid, n_sym), Uh=glorot(n_hid, n_hid), bh=np.zeros(n_hid),
        Wy=glorot(n_sym, n_hid), by=np.zeros(n_sym))
    return theta


def run(theta, seq):
    """returns the tape: one tuple per time step"""
    h = np.zeros(theta['bz'].shape[0])
    tape = []
    for s in seq:
        x = np.eye(theta['by'].size)[s]
        z = sigma(theta['Wz'] @ x + theta['Uz'] @ h + theta['bz'])
        r = sigma(theta['Wr'] @ x + theta['Ur'] @ h + theta['br'])
        n = np.tanh(theta['Wh'] @ x + theta['Uh'] @ (r * h) + theta['bh'])
        h_new = z * h + (1 - z) * n
        logits = theta['Wy'] @ h_new + theta['by']
        e = np.exp(logits - logits.max())
        tape.append((x, h, z, r, n, h_new, e / e.sum()))
        h = h_new
    return tape


def nll(tape, want):
    return sum(-np.log(step[-1][w]) for step, w in zip(tape, want)) / len(want)


def gradient(theta, tape, want):
    G = {name: np.zeros(value.shape) for name, value in theta.items()}
    carry = 0.
    for k in range(len(tape) - 1, -1, -1):
        x, h_old, z, r, n, h_new, p = tape[k]
        d_logits = p.copy()
        d_logits[want[k]] -= 1.
        d_logits /= len(want)
        G['Wy'] += np.outer(d_logits, h_new)
        G['by'] += d_logits

        d_h = theta['Wy'].T @ d_logits + carry
        d_z = d_h * (h_old - n)
        d_n = d_h * (1 - z)
        d_an = d_n * (1 - n * n)
        d_rh = theta['Uh'].T @ d_an
        d_r = d_rh * h_old
        d_az = d_z * z * (1 - z)
        d_ar = d_r * r * (1 - r)

        for gate, d_a, rec in (('z', d_az, h_old), ('r', d_ar, h_old), ('h', d_an, r * h_old)):
            G['W' + gate] += np.outer(d_a, x)
            G['U' + gate] += np.outer(d_a, rec)
            G['b' + gate] += d_a

        carry = d_h * z
        carry = carry + d_rh * r
        carry = carry + theta['Uz'].T @ d_az
        carry = carry + theta['Ur'].T @ d_ar
    return G


def rmsprop(theta, G, cache, lr=0.01, rho=0.9):
    for name in theta:
        cache[name] = rho * cache[name] + (1 - rho) * G[name] ** 2
        theta[name] = theta[name] - lr * G[name] / (np.sqrt(cache[name]) + 1e-6)


def main():
    n_sym, delay, length = 4, 2, 9
    theta = build(n_sym, 11, seed=5)
    cache = {name: np.zeros_like(value) for name, value in theta.items()}
    dice = np.random.RandomState(99)
    running = None
    for it in range(150):
        seq = list(dice.randint(0, n_sym, length))
        want = [0] * delay + seq[:-delay]
        tape = run(theta, seq)
        cost = nll(tape, want)
        G = gradient(theta, tape, want)
        rmsprop(theta, G, cache)
        running = cost if running is None else 0.97 * running + 0.03 * cost
        if it % 30 == 29:
            print(f"{it + 1:4d}  {running:.4f}")
    return theta


if __name__ == "__main__":
    main()
