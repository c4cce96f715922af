"""Ordinary least squares on house prices, by gradient descent. The cost shown is that of the new line."""
import numpy as np
import csv
import io

CSV = """area,rooms,age,price
52,2,30,148
61,2,12,190
70,3,45,176
75,3,5,246
84,3,22,228
90,4,60,205
98,4,15,281
105,4,3,322
120,5,38,287
131,5,9,377
140,6,50,318
66,2,27,181
"""

rows = [[float(v) for v in r.values()] for r in csv.DictReader(io.StringIO(CSV))]
table = np.array(rows)
x = (table[:, :3] - table[:, :3].mean(axis=0)) / table[:, :3].std(axis=0)
y = table[:, 3] / 100

w = np.array([0.1, -0.1, 0.05])
intercept = 0.0
learning_rate = 0.15
num_steps = 120
n = len(y)
scratch = np.zeros(3)


def predict(x, w, intercept):
    return np.matmul(x, w) + intercept


def compute_cost(x, y, w, intercept):
    mistakes = predict(x, w, intercept) - y
    return (mistakes ** 2).mean()


def step_gradient(w_now, intercept_now):
    w_gradient = scratch        # allocated once
    w_gradient.fill(0)
    intercept_gradient = 0
    for i in range(n):
        guess = np.matmul(x[i], w_now) + intercept_now
        w_gradient += -(2 / n) * x[i] * (y[i] - guess)
        intercept_gradient += -(2 / n) * (y[i] - guess)
    w_new = w_now - learning_rate * w_gradient
    intercept_new = intercept_now - learning_rate * intercept_gradient
    return w_new, intercept_new


if __name__ == '__main__':
    trace = []
    for step in range(num_steps):
        w, intercept = step_gradient(w, intercept)
        cost = compute_cost(x, y, w, intercept)
        trace.append(cost)
        if (step + 1) % 30 == 0:
            print('after step {0}: cost {1:.6f}'.format(step + 1, cost))
    print('weights', w, 'intercept', intercept)
