"""Multiclass linear SVM: naive loops, a vectorised version, and a trainer class."""
import numpy as np


def svm_loss_naive(W, X, y, reg):
    dW = np.zeros(W.shape)
    num_classes = W.shape[1]
    num_train = X.shape[0]
    loss = 0.0
    for i in range(num_train):
        scores = X[i].dot(W)
        correct = scores[y[i]]
        for j in range(num_classes):
            if j == y[i]:
                continue
            margin = scores[j] - correct + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss /= num_train
    dW /= num_train
    loss += reg * np.sum(W * W)
    dW += 2 * reg * W
    return loss, dW


def svm_loss_vectorized(W, X, y, reg):
    n = X.shape[0]
    scores = X @ W
    correct = scores[np.arange(n), y].reshape(n, 1)
    margins = np.maximum(0, scores - correct + 1)
    margins[np.arange(n), y] = 0
    loss = margins.sum() / n + reg * np.sum(W * W)

    mask = (margins > 0).astype(float)
    mask[np.arange(n), y] = -mask.sum(axis=1)
    dW = X.T @ mask / n + 2 * reg * W
    return loss, dW


class LinearSVM:
    def __init__(self):
        self.W = None

    def train(self, X, y, learning_rate=1e-2, reg=1e-3, num_iters=100, batch_size=32, loss_fn=None, seed=0):
        rnd = np.random.RandomState(seed)
        num_train, dim = X.shape
        num_classes = np.max(y) + 1
        if self.W is None:
            self.W = 0.01 * rnd.randn(dim, num_classes)
        loss_history = []
        for it in range(num_iters):
            idx = rnd.choice(num_train, batch_size, replace=True)
            loss, grad = loss_fn(self.W, X[idx], y[idx], reg)
            loss_history.append(loss)
            self.W += -learning_rate * grad
            if it % 50 == 0:
                print('iteration %d / %d: loss %f' % (it, num_iters, loss))
        return loss_history

    def predict(self, X):
        return np.argmax(X.dot(self.W), axis=1)


rnd = np.random.RandomState(16)
centers = 1.5 * rnd.randn(4, 5)
labels = rnd.randint(0, 4, 160)
points = np.hstack([centers[labels] + rnd.randn(160, 5), np.ones((160, 1))])   # bias trick

fast = LinearSVM()
history = fast.train(points, labels, learning_rate=0.05, num_iters=150, loss_fn=svm_loss_vectorized)
print('vectorized accuracy', np.mean(fast.predict(points) == labels))
slow = LinearSVM()
slow_history = slow.train(points, labels, learning_rate=0.05, num_iters=30, loss_fn=svm_loss_naive)
print('naive accuracy', np.mean(slow.predict(points) == labels))
