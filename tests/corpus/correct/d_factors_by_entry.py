# Which guest likes which dish? Two factors per guest and per dish, fitted rating by rating,
# one factor after the other, with the old value put aside.
import numpy as np

ratings = np.array([
    [5, 3, 0, 1, 4],
    [4, 0, 0, 1, 3],
    [1, 1, 0, 5, 0],
    [1, 0, 0, 4, 1],
    [0, 1, 5, 4, 1],
    [2, 1, 4, 5, 0],
])


def factorise(R, U, V, rounds, eta, lam):
    V = V.T
    for n in range(rounds):
        for g in range(R.shape[0]):
            for d in range(R.shape[1]):
                if R[g, d] == 0:
                    continue
                err = R[g, d] - np.dot(U[g, :], V[:, d])
                for f in range(U.shape[1]):
                    before = U[g][f]
                    U[g][f] = U[g][f] + eta * (2 * err * V[f][d] - lam * U[g][f])
                    V[f][d] = V[f][d] + eta * (2 * err * before - lam * V[f][d])
        if n % 40 == 0:
            gap = (R - np.dot(U, V))[R > 0]
            print("round %3d   squared error %.4f" % (n, np.sum(gap ** 2)))
    return U, V.T


state = np.random.RandomState(4)
guests, dishes = state.rand(6, 3), state.rand(5, 3)
guests, dishes = factorise(ratings, guests, dishes, rounds=201, eta=0.01, lam=0.04)
print(np.round(guests @ dishes.T, 1))
