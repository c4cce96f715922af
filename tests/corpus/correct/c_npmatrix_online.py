from numpy import *
set_printoptions(precision=3, suppress=True)

# MATLAB homework translated: everything is a matrix, * is the matrix product.
# one hidden layer (atan), one example after the other, weights updated at once.

random.seed(50)

n_samples = 40
X = matrix(random.uniform(-1, 1, (3, n_samples)))
D = matrix(vstack([sin(2 * asarray(X[0])), asarray(X[1]) * asarray(X[2])]))

n_in, n_hid, n_out = 3, 6, 2
W1 = matrix(random.uniform(-.7, .7, (n_hid, n_in)))
B1 = matrix(zeros((n_hid, 1)))
W2 = matrix(random.uniform(-.7, .7, (n_out, n_hid)))
B2 = matrix(zeros((n_out, 1)))

eta = 0.15


def sim(x):
    return W2 * arctan(W1 * x + B1) + B2


def sse():
    total = 0.0
    for k in range(n_samples):
        e = D[:, k] - sim(X[:, k])
        total = total + float((e.T * e)[0, 0]) / 2
    return total


for epoch in range(1, 41):
    for k in random.permutation(n_samples):
        x = X[:, k]
        d = D[:, k]

        # forward
        v = W1 * x + B1
        y1 = arctan(v)
        y2 = W2 * y1 + B2

        # backward, the output weights change first
        e = d - y2
        W2_before = W2.copy()
        W2 += eta * e * y1.T
        B2 += eta * e
        delta = multiply(W2_before.T * e, 1 / (1 + power(v, 2)))
        W1 += eta * delta * x.T
        B1 += eta * delta

    if epoch % 8 == 0:
        print('epoch %2d   sse %.5f' % (epoch, sse()))

print('net   ', sim(X[:, 0]).T.A1)
print('wanted', D[:, 0].T.A1)
