import numpy as np

# Tiny GAN: the generator should learn a line segment of points in 2D.
# G: z(2) -> 8 (leaky relu) -> 2 (linear)       D: x(2) -> 10 (leaky relu) -> 1 (sigmoid)

np.random.seed(1234)
batch_size = 32
lr_d, lr_g = 0.05, 0.05
k_leak = 0.2


def sig(x): return 1. / (1. + np.exp(-x))
def lrelu(x): return np.where(x > 0, x, k_leak * x)
def dlrelu(x): return np.where(x > 0, 1., k_leak)


def glorot(n_in, n_out):
    return np.random.normal(0., np.sqrt(2. / (n_in + n_out)), size=[n_in, n_out])


G_W1, G_b1 = glorot(2, 8), np.zeros(8)
G_W2, G_b2 = glorot(8, 2), np.zeros(2)
D_W1, D_b1 = glorot(2, 10), np.zeros(10)
D_W2, D_b2 = glorot(10, 1), np.zeros(1)


def real_batch(n):
    t = np.random.uniform(-1, 1, (n, 1))
    return np.hstack([1 + t, 1 - 0.5 * t]) + 0.05 * np.random.randn(n, 2)


def G(z):
    h_l = z.dot(G_W1) + G_b1
    h_a = lrelu(h_l)
    return h_l, h_a, h_a.dot(G_W2) + G_b2


def D(x):
    h_l = x.dot(D_W1) + D_b1
    h_a = lrelu(h_l)
    return h_l, h_a, sig(h_a.dot(D_W2) + D_b2)


for it in range(401):
    # -------------------------------------------------- discriminator
    x_real = real_batch(batch_size)
    z = np.random.uniform(-1, 1, (batch_size, 2))
    _, _, x_fake = G(z)

    r_l, r_a, r_out = D(x_real)
    f_l, f_a, f_out = D(x_fake)
    D_loss = np.mean(-np.log(r_out) - np.log(1 - f_out))

    d_r = (r_out - 1) / batch_size
    d_f = f_out / batch_size
    dD_W2 = r_a.T.dot(d_r) + f_a.T.dot(d_f)
    dD_b2 = np.sum(d_r, axis=0) + np.sum(d_f, axis=0)
    d_r1 = d_r.dot(D_W2.T) * dlrelu(r_l)
    d_f1 = d_f.dot(D_W2.T) * dlrelu(f_l)
    dD_W1 = x_real.T.dot(d_r1) + x_fake.T.dot(d_f1)
    dD_b1 = np.sum(d_r1, axis=0) + np.sum(d_f1, axis=0)

    D_W1 -= lr_d * dD_W1
    D_b1 -= lr_d * dD_b1
    D_W2 -= lr_d * dD_W2
    D_b2 -= lr_d * dD_b2

    # -------------------------------------------------- generator (non-saturating loss)
    z = np.random.uniform(-1, 1, (batch_size, 2))
    g_l, g_a, x_fake = G(z)
    f_l, f_a, f_out = D(x_fake)
    G_loss = np.mean(-np.log(f_out))

    d_out = (f_out - 1) / batch_size
    d_hid = d_out.dot(D_W2.T) * dlrelu(f_l)
    d_x = d_hid.dot(D_W1.T)
    dG_W2 = g_a.T.dot(d_x)
    dG_b2 = np.sum(d_x, axis=0)
    d_g1 = d_x.dot(G_W2.T) * dlrelu(g_l)
    dG_W1 = z.T.dot(d_g1)
    dG_b1 = np.sum(d_g1, axis=0)

    G_W1 -= lr_g * dG_W1
    G_b1 -= lr_g * dG_b1
    G_W2 -= lr_g * dG_W2
    G_b2 -= lr_g * dG_b2

    if it % 80 == 0:
        print("[%3d]  D_loss %.4f   G_loss %.4f   D(real) %.3f   D(fake) %.3f"
              % (it, D_loss, G_loss, r_out.mean(), f_out.mean()))

print("mean of the fakes", G(np.random.uniform(-1, 1, (500, 2)))[2].mean(axis=0).round(2), "(real: 1, 1)")
