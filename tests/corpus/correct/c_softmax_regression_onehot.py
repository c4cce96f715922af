import numpy as np
import numpy.random as npr

#--------------------------------------------------------------
# Softmax regression (multinomial logistic regression)
#   X : N x D     W : D x K     b : K
#   labels t in {0..K-1}, one-hot T via fancy indexing
#--------------------------------------------------------------

N, D, K = 180, 4, 3
lam     = 1e-2
eta     = 0.5
MAXIT   = 120
TOL     = 1e-5

npr.seed(77)
mu = 1.5 * npr.randn(K, D)
t  = npr.randint(K, size=N)
X  = mu[t] + npr.randn(N, D)
X  = (X - X.mean(0)) / X.std(0)

T = np.zeros((N, K))
T[np.arange(N), t] = 1.0


def logsumexp(A):
    top = A.max(axis=1, keepdims=True)
    return top + np.log(np.sum(np.exp(A - top), axis=1, keepdims=True))


def nll(W, b):
    """ penalised negative log-likelihood per sample """
    S = X @ W + b
    return np.mean(logsumexp(S) - S[np.arange(N), t][:, None]) + 0.5 * lam * np.sum(W * W)


def gradient(W, b):
    S  = X @ W + b
    P  = np.exp(S - logsumexp(S))
    E  = (P - T) / N
    gW = X.T @ E + lam * W
    gb = E.sum(axis=0)
    return gW, gb


W, b   = np.zeros((D, K)), np.zeros(K)
uW, ub = np.zeros_like(W), np.zeros_like(b)      # heavy ball
gamma  = 0.7
old    = np.inf

for it in range(MAXIT):
    gW, gb = gradient(W, b)
    uW     = gamma * uW + eta * gW
    ub     = gamma * ub + eta * gb
    W      = W - uW
    b      = b - ub
    f      = nll(W, b)
    if it % 10 == 0:
        print("%4d   f = %.6f   |g| = %.2e" % (it, f, np.sqrt((gW**2).sum() + (gb**2).sum())))
    if abs(old - f) < TOL:
        print("converged after", it, "iterations")
        break
    old = f

confusion = np.zeros((K, K), dtype=int)
np.add.at(confusion, (t, np.argmax(X @ W + b, axis=1)), 1)
print(confusion)
print("accuracy", np.trace(confusion) / N)
