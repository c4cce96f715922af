import numpy as np

"""
Logistic regression, gradient descent until the cost stops moving.
theta[0] is the intercept (the first column of the design matrix is 1).
The intercept is not penalised.
"""

TOL = 1e-5
MAX_ITER = 2000


def hypothesis(theta, x):
    return 1.0 / (1.0 + np.exp(-x.dot(theta)))


def J(theta, x, y, lam):
    h = hypothesis(theta, x)
    m = y.size
    fit = -(y.dot(np.log(h)) + (1 - y).dot(np.log(1 - h))) / m
    return fit + lam / (2 * m) * np.sum(theta[1:] ** 2)


def gradient(theta, x, y, lam):
    m = y.size
    h = hypothesis(theta, x)
    grad = x.T.dot(h - y) / m
    grad[1:] += lam / m * theta[1:]
    return grad


def exam_scores(m=100):
    r = np.random.RandomState(15)
    s = r.uniform(30, 100, size=(m, 3))
    passed = (s[:, 0] + s[:, 1] + 0.5 * s[:, 2] + 12 * r.randn(m) > 165) * 1.0
    return s, passed


scores, y = exam_scores()
mu, sigma = scores.mean(axis=0), scores.std(axis=0)
x = np.hstack((np.ones((len(y), 1)), (scores - mu) / sigma))

theta = np.zeros(x.shape[1])
alpha = 0.5
lam = 2.0
previous = np.inf
current = J(theta, x, y, lam)
iteration = 0

while abs(previous - current) > TOL and iteration < MAX_ITER:
    theta = theta - alpha * gradient(theta, x, y, lam)
    previous, current = current, J(theta, x, y, lam)
    iteration += 1

print('stopped after', iteration, 'iterations, cost', round(float(current), 5))
print('theta', theta)
probability = hypothesis(theta, np.r_[1, (np.array([45, 85, 60]) - mu) / sigma])
print('a student with 45, 85, 60 passes with probability %.3f' % probability)
