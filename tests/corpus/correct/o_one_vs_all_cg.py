"""Regularised logistic regression, one classifier per class, trained by conjugate gradients."""
import numpy as np
from scipy.optimize import fmin_cg

np.random.seed(4)
NUM_CLASSES = 4
centres = np.array([[2., 0.], [-2., 0.5], [0., 2.5], [0.3, -2.]])
labels = np.repeat(np.arange(NUM_CLASSES), 30)
features = centres[labels] + np.random.normal(0, 0.9, (labels.size, 2))
# squares and the product as extra features
features = np.column_stack((features, features ** 2, features[:, 0] * features[:, 1]))
features = (features - features.mean(axis=0)) / features.std(axis=0)
design = np.hstack((np.ones((features.shape[0], 1)), features))


def h(theta, X):
    return 1 / (1 + np.exp(-X.dot(theta)))


def cost(theta, X, y, lam):
    m = X.shape[0]
    p = h(theta, X)
    data_term = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    return data_term + lam / (2 * m) * theta[1:].dot(theta[1:])


def cost_gradient(theta, X, y, lam):
    m = X.shape[0]
    error = h(theta, X) - y
    grad = error.dot(X) / m
    penalty = lam / m * theta
    penalty[0] = 0
    return grad + penalty


all_theta = np.zeros((NUM_CLASSES, design.shape[1]))
for c in range(NUM_CLASSES):
    target = (labels == c).astype(float)
    start = np.zeros(design.shape[1])
    all_theta[c] = fmin_cg(cost, start, fprime=cost_gradient, args=(design, target, 0.5),
                           maxiter=80, disp=False)
    print('class %d: cost %.5f' % (c, cost(all_theta[c], design, target, 0.5)))

prediction = np.argmax(design.dot(all_theta.T), axis=1)
print('accuracy', (prediction == labels).mean())
