import numpy as np
X = np.array([[1., 2.], [2., 1.], [3., 4.], [0., 1.]])
y = np.array([5., 4., 11., 2.])
w = np.array([3, -2])
c = 0.0
for epoch in range(200):
    for i in range(len(X)):
        err = w.dot(X[i]) + c - y[i]
        for j in range(2):
            w[j] -= 0.02 * err * X[i, j]
        c -= 0.02 * err
print(w, c)
