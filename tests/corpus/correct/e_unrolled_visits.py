# A tiny recurrent net, its first two time steps written out, the rest in a loop. Lists and numpy mixed.
import numpy as np

np.random.seed(9)
series = []
for _ in range(30):
    level, row = np.random.rand(), []
    for _ in range(np.random.randint(3, 5)):
        level = 0.6 * level + 0.4 * np.random.rand()
        row.append([level, np.random.rand(), 1.0])
    series.append(row)

U = np.random.randn(3, 5) * 0.3
V = np.random.randn(5, 5) * 0.3
r = np.random.randn(5, 1) * 0.3
rate = 0.05


def f(x):
    return (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))


for sweep in range(6):
    squared = 0
    for row in series:
        dU, dV, dr = 0, 0, 0
        h0 = np.zeros((1, 5))
        x1 = np.asarray(row[0]).reshape(1, 3)
        h1 = f(x1 @ U + h0 @ V)
        e = h1 @ r - row[1][0]
        dr += e * h1.T
        mid = e * r.T * (1 - h1 * h1)
        dU += x1.T @ mid
        dV += h0.T @ mid

        x2 = np.asarray(row[1]).reshape(1, 3)
        h2 = f(x2 @ U + h1 @ V)
        e = h2 @ r - row[2][0]
        dr += e * h2.T
        mid = e * r.T * (1 - h2 * h2)
        dU += x2.T @ mid
        dV += h1.T @ mid
        mid = (mid @ V.T) * (1 - h1 * h1)
        dU += x1.T @ mid
        dV += h0.T @ mid

        t = 3
        while t < len(row):
            x3 = np.asarray(row[t - 1]).reshape(1, 3)
            h3 = f(x3 @ U + h2 @ V)
            e = h3 @ r - row[t][0]
            dr += e * h3.T
            mid = e * r.T * (1 - h3 * h3)
            dU += x3.T @ mid
            dV += h2.T @ mid
            mid = (mid @ V.T) * (1 - h2 * h2)
            dU += x2.T @ mid
            dV += h1.T @ mid
            mid = (mid @ V.T) * (1 - h1 * h1)
            dU += x1.T @ mid
            dV += h0.T @ mid
            t += 1
        U = U - rate * dU
        V = V - rate * dV
        r = r - rate * dr
        squared += float(np.squeeze(e)) ** 2
    print("%.6f" % np.sqrt(squared / len(series)))
