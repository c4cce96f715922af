import numpy as np

# Variational autoencoder, Bernoulli decoder, reparametrisation trick, hand-derived gradients.

np.random.seed(1)
input_dim, hidden_dim, latent_dim = 9, 10, 2
batch_size, lr = 16, 0.01


def xavier(n_in, n_out):
    return np.random.randn(n_in, n_out) * np.sqrt(2. / (n_in + n_out))


class VAE():
    def __init__(self):
        self.params = {
            'e_W0': xavier(input_dim, hidden_dim), 'e_b0': np.zeros(hidden_dim),
            'e_Wmu': xavier(hidden_dim, latent_dim), 'e_bmu': np.zeros(latent_dim),
            'e_Wlv': xavier(hidden_dim, latent_dim), 'e_blv': np.zeros(latent_dim),
            'd_W0': xavier(latent_dim, hidden_dim), 'd_b0': np.zeros(hidden_dim),
            'd_W1': xavier(hidden_dim, input_dim), 'd_b1': np.zeros(input_dim),
        }
        self.m = {k: 0 for k in self.params}
        self.v = {k: 0 for k in self.params}
        self.t = 0

    def encode(self, x):
        p = self.params
        self.x = x
        self.h_e = np.tanh(x.dot(p['e_W0']) + p['e_b0'])
        self.mu = self.h_e.dot(p['e_Wmu']) + p['e_bmu']
        self.logvar = self.h_e.dot(p['e_Wlv']) + p['e_blv']
        return self.mu, self.logvar

    def decode(self, z):
        p = self.params
        self.h_d = np.tanh(z.dot(p['d_W0']) + p['d_b0'])
        logits = self.h_d.dot(p['d_W1']) + p['d_b1']
        self.out = 1 / (1 + np.exp(-logits))
        return self.out

    def forward(self, x, eps):
        mu, logvar = self.encode(x)
        self.eps = eps
        self.std = np.exp(logvar * .5)
        self.z = mu + self.std * eps
        return self.decode(self.z)

    def loss(self, y):
        out = self.out
        bce = -np.sum(y * np.log(out) + (1 - y) * np.log(1 - out))
        kl = -0.5 * np.sum(1 + self.logvar - self.mu ** 2 - np.exp(self.logvar))
        return (bce + kl) / len(y)

    def backward(self, y):
        p, g = self.params, {}
        n = len(y)
        # decoder
        dout = (self.out - y) / n
        g['d_W1'] = self.h_d.T.dot(dout)
        g['d_b1'] = np.sum(dout, axis=0)
        dh_d = dout.dot(p['d_W1'].T) * (1 - self.h_d ** 2)
        g['d_W0'] = self.z.T.dot(dh_d)
        g['d_b0'] = np.sum(dh_d, axis=0)
        dz = dh_d.dot(p['d_W0'].T)
        # through the sample, and the KL term
        dmu = dz + self.mu / n
        dlogvar = dz * self.eps * 0.5 * self.std + 0.5 * (np.exp(self.logvar) - 1) / n
        # encoder
        g['e_Wmu'] = self.h_e.T.dot(dmu)
        g['e_bmu'] = np.sum(dmu, axis=0)
        g['e_Wlv'] = self.h_e.T.dot(dlogvar)
        g['e_blv'] = np.sum(dlogvar, axis=0)
        dh_e = dmu.dot(p['e_Wmu'].T) + dlogvar.dot(p['e_Wlv'].T)
        dh_e = dh_e * (1 - self.h_e ** 2)
        g['e_W0'] = self.x.T.dot(dh_e)
        g['e_b0'] = np.sum(dh_e, axis=0)
        return g

    def update(self, g, b1=0.9, b2=0.999):
        self.t += 1
        for k in self.params:
            self.m[k] = b1 * self.m[k] + (1 - b1) * g[k]
            self.v[k] = b2 * self.v[k] + (1 - b2) * np.power(g[k], 2)
            m_correlated = self.m[k] / (1 - b1 ** self.t)
            v_correlated = self.v[k] / (1 - b2 ** self.t)
            self.params[k] = self.params[k] - lr * m_correlated / (np.sqrt(v_correlated) + 1e-8)


def tiny_bars(n):
    x = np.zeros((n, 3, 3))
    for i in range(n):
        if i % 2:
            x[i, np.random.randint(3), :] = 1
        else:
            x[i, :, np.random.randint(3)] = 1
    return x.reshape(n, 9)


x_train = tiny_bars(128)
vae = VAE()
for epoch in range(15):
    perm = np.random.permutation(len(x_train))
    total = 0
    for b in range(0, len(x_train), batch_size):
        x_batch = x_train[perm[b:b + batch_size]]
        vae.forward(x_batch, np.random.randn(len(x_batch), latent_dim))
        total += vae.loss(x_batch)
        vae.update(vae.backward(x_batch))
    if epoch % 5 == 4:
        print('Epoch [%d] loss: %.4f' % (epoch + 1, total / (len(x_train) // batch_size)))
