from numpy import matrix, multiply, exp, log, random, ones, hstack, power, sum as total, asmatrix, zeros, array
from math import cos, sin

# Written the Octave way: everything is a matrix, * is the matrix product.

random.seed(4)


def logistic(z):
    return 1 / (1 + exp(-z))


def addOnes(A):
    return hstack([matrix(ones((A.shape[0], 1))), A])


# two moons, roughly
m = 80
X = asmatrix(zeros((m, 2)))
y = asmatrix(zeros((m, 1)))
for i in range(m):
    a = 3.14159 * random.rand()
    if i % 2 == 0:
        X[i, :] = [cos(a), sin(a)]
    else:
        X[i, :] = [1 - cos(a), 0.4 - sin(a)]
        y[i, 0] = 1
X = X + matrix(0.1 * random.randn(m, 2))

hidden = 6
T1 = matrix(random.randn(hidden, 3)) * 0.7
T2 = matrix(random.randn(hidden, hidden + 1)) * 0.7
T3 = matrix(random.randn(1, hidden + 1)) * 0.7
alpha = 1.5
lam = 0.02


def forward(X, T1, T2, T3):
    A1 = addOnes(X)
    Z2 = A1 * T1.T
    A2 = addOnes(logistic(Z2))
    Z3 = A2 * T2.T
    A3 = addOnes(logistic(Z3))
    A4 = logistic(A3 * T3.T)
    return A1, A2, A3, A4


def cost(A4, y, T1, T2, T3):
    J = -(y.T * log(A4) + (1 - y).T * log(1 - A4))[0, 0] / m
    J += lam / (2 * m) * (total(power(T1[:, 1:], 2)) + total(power(T2[:, 1:], 2)) + total(power(T3[:, 1:], 2)))
    return J


def decay(T):
    D = T.copy()
    D[:, 0] = 0
    return D * (lam / m)


for iteration in range(150):
    A1, A2, A3, A4 = forward(X, T1, T2, T3)
    J = cost(A4, y, T1, T2, T3)

    d4 = A4 - y
    d3 = multiply(d4 * T3[:, 1:], multiply(A3[:, 1:], 1 - A3[:, 1:]))
    d2 = multiply(d3 * T2[:, 1:], multiply(A2[:, 1:], 1 - A2[:, 1:]))

    G3 = d4.T * A3 / m + decay(T3)
    G2 = d3.T * A2 / m + decay(T2)
    G1 = d2.T * A1 / m + decay(T1)

    T3 = T3 - alpha * G3
    T2 = T2 - alpha * G2
    T1 = T1 - alpha * G1
    if iteration % 50 == 0:
        print('iteration', iteration, 'J =', J)

guess = array(forward(X, T1, T2, T3)[3] > 0.5)
print('correct:', int((guess == (array(y) > 0.5)).sum()), 'of', m)
