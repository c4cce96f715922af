import numpy as np


class SelfAttention:
    """Single head, one sequence at a time. Rows are positions."""

    def __init__(self, d_model, d_k, rng):
        std = 1.0 / np.sqrt(d_model)
        self.Wq = rng.normal(0, std, size=(d_model, d_k))
        self.Wk = rng.normal(0, std, size=(d_model, d_k))
        self.Wv = rng.normal(0, std, size=(d_model, d_k))
        self.Wo = rng.normal(0, std, size=(d_k, d_model))
        self.scale = 1.0 / np.sqrt(d_k)

    @staticmethod
    def softmax(S):
        S = S - S.max(axis=-1, keepdims=True)
        E = np.exp(S)
        return E / E.sum(axis=-1, keepdims=True)

    def forward(self, X):
        self.X = X
        self.Q = X @ self.Wq
        self.K = X @ self.Wk
        self.V = X @ self.Wv
        self.S = self.Q @ self.K.T * self.scale
        self.A = self.softmax(self.S)
        self.Z = self.A @ self.V
        return self.Z @ self.Wo

    def backward(self, dY):
        self.dWo = self.Z.T @ dY
        dZ = dY @ self.Wo.T
        dA = dZ @ self.V.T
        dV = self.A.T @ dZ
        # softmax, row by row
        dS = self.A * (dA - np.sum(dA * self.A, axis=-1, keepdims=True))
        dS = dS * self.scale
        dQ = dS @ self.K
        dK = dS.T @ self.Q
        self.dWq = self.X.T @ dQ
        self.dWk = self.X.T @ dK
        self.dWv = self.X.T @ dV
        dX = dQ @ self.Wq.T + dK @ self.Wk.T + dV @ self.Wv.T
        return dX

    def parameters(self):
        return ['Wq', 'Wk', 'Wv', 'Wo']


class Linear:
    def __init__(self, n_in, n_out, rng):
        self.W = rng.normal(0, 1 / np.sqrt(n_in), size=(n_in, n_out))
        self.b = np.zeros((1, n_out))

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dY):
        self.dW = self.X.T @ dY
        self.db = dY.sum(axis=0, keepdims=True)
        return dY @ self.W.T

    def parameters(self):
        return ['W', 'b']


class Adam:
    def __init__(self, modules, lr=0.01, betas=(0.9, 0.999), eps=1e-8):
        self.modules, self.lr, self.betas, self.eps = modules, lr, betas, eps
        self.m, self.v, self.t = {}, {}, 0

    def step(self):
        self.t += 1
        b1, b2 = self.betas
        for j, mod in enumerate(self.modules):
            for name in mod.parameters():
                grad = getattr(mod, 'd' + name)
                key = (j, name)
                self.m[key] = b1 * self.m.get(key, 0) + (1 - b1) * grad
                self.v[key] = b2 * self.v.get(key, 0) + (1 - b2) * grad * grad
                m_hat = self.m[key] / (1 - b1 ** self.t)
                v_hat = self.v[key] / (1 - b2 ** self.t)
                setattr(mod, name, getattr(mod, name) - self.lr * m_hat / (np.sqrt(v_hat) + self.eps))


class Model:
    def __init__(self, d_in, d_model, d_k, d_out, seed):
        rng = np.random.default_rng(seed)
        self.embed = Linear(d_in, d_model, rng)
        self.attn = SelfAttention(d_model, d_k, rng)
        self.head = Linear(d_model, d_out, rng)

    def forward(self, X):
        return self.head.forward(self.attn.forward(self.embed.forward(X)))

    def backward(self, dY):
        return self.embed.backward(self.attn.backward(self.head.backward(dY)))


def mse_loss(pred, target):
    return np.mean((pred - target) ** 2)


def mse_grad(pred, target):
    return 2 * (pred - target) / pred.size


def reverse_task(rng, length=6, d=4):
    """output row i = input row whose last feature is the largest"""
    X = rng.normal(size=(length, d))
    best = X[np.argmax(X[:, -1]), :2]
    return X, np.tile(best, (length, 1)) + 0.1 * X[:, :2]


if __name__ == "__main__":
    model = Model(d_in=4, d_model=8, d_k=8, d_out=2, seed=0)
    opt = Adam([model.embed, model.attn, model.head], lr=5e-3)
    rng = np.random.default_rng(1)
    window = []
    for step in range(200):
        X, Y = reverse_task(rng)
        out = model.forward(X)
        window.append(mse_loss(out, Y))
        model.backward(mse_grad(out, Y))
        opt.step()
        if (step + 1) % 50 == 0:
            print(f"step {step + 1:4d} | loss {np.mean(window[-50:]):.4f}")
