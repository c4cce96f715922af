r"""Self-attention on a toy task, everything written out with einsum.

A sequence of T tokens (random vectors with a tag) goes through one attention layer with two heads and
is averaged; a linear layer says which of three tags occurs most.

    Q = X Wq,  K = X Wk,  V = X Wv,   A = softmax(Q K^T / sqrt(d)),   O = A V,   Y = concat(O) Wo + X
"""
import numpy as np

B, T, E, HEADS, CLASSES = 20, 5, 8, 2, 3
D = E // HEADS


def dataset(rng, n):
    tags = rng.integers(0, CLASSES, (n, T))
    counts = (tags[:, :, None] == np.arange(CLASSES)).sum(axis=1)
    x = 0.3 * rng.standard_normal((n, T, E))
    x[np.arange(n)[:, None], np.arange(T)[None, :], tags] += 1.5
    return x, counts.argmax(axis=1)


def split(x):
    return x.reshape(x.shape[0], T, HEADS, D).transpose(0, 2, 1, 3)


def merge(x):
    return x.transpose(0, 2, 1, 3).reshape(x.shape[0], T, E)


def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def forward(theta, x):
    q, k, v = (split(x @ theta[name]) for name in ("Wq", "Wk", "Wv"))
    a = softmax(np.einsum("bhid,bhjd->bhij", q, k) / np.sqrt(D))
    o = merge(np.einsum("bhij,bhjd->bhid", a, v))
    y = o @ theta["Wo"] + x
    pooled = y.mean(axis=1)
    p = softmax(pooled @ theta["U"] + theta["c"])
    return p, (x, q, k, v, a, o, pooled)


def cost(p, labels):
    return -np.log(p[np.arange(len(labels)), labels]).mean()


def backward(theta, p, labels, cache):
    x, q, k, v, a, o, pooled = cache
    n = len(labels)
    ds = p.copy()
    ds[np.arange(n), labels] -= 1
    ds /= n
    grads = {"U": pooled.T @ ds, "c": ds.sum(axis=0)}

    dy = np.repeat((ds @ theta["U"].T)[:, None, :], T, axis=1) / T
    grads["Wo"] = np.einsum("bti,btj->ij", o, dy)
    do = split(dy @ theta["Wo"].T)
    da = np.einsum("bhid,bhjd->bhij", do, v)
    dv = np.einsum("bhij,bhid->bhjd", a, do)
    dscore = a * (da - (da * a).sum(axis=-1, keepdims=True)) / np.sqrt(D)
    dq = np.einsum("bhij,bhjd->bhid", dscore, k)
    dk = np.einsum("bhij,bhid->bhjd", dscore, q)
    for name, d in zip(("Wq", "Wk", "Wv"), (dq, dk, dv)):
        grads[name] = np.einsum("bti,btj->ij", x, merge(d))
    return grads


def main():
    rng = np.random.default_rng(11)
    theta = {name: rng.standard_normal((E, E)) / np.sqrt(E) for name in ("Wq", "Wk", "Wv", "Wo")}
    theta["U"] = 0.1 * rng.standard_normal((E, CLASSES))
    theta["c"] = np.zeros(CLASSES)
    x, labels = dataset(rng, 400)
    velocity = {name: np.zeros_like(value) for name, value in theta.items()}

    for epoch in range(6):
        running = []
        for batch in np.array_split(rng.permutation(len(x)), len(x) // B):
            p, cache = forward(theta, x[batch])
            running.append(cost(p, labels[batch]))
            grads = backward(theta, p, labels[batch], cache)
            for name, g in grads.items():
                velocity[name] *= 0.9
                velocity[name] += g
                theta[name] -= 0.05 * velocity[name]
        print(f"epoch {epoch}: cost {np.mean(running):.4f}")

    x, labels = dataset(rng, 200)
    p, _ = forward(theta, x)
    print("held-out accuracy:", (p.argmax(axis=1) == labels).mean())


if __name__ == "__main__":
    main()
