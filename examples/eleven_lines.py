# A net in a dozen lines, with no cost anywhere. Shows: nothing to report. x*(1-x) IS the
# derivative of the sigmoid when x is what the sigmoid returned, and with no cost the output error
# tells which cost these updates descend.
import numpy as np

def sigmoid(x, deriv=False):
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0, 1, 1, 0]]).T
np.random.seed(7)
w0 = 2 * np.random.random((3, 5)) - 1
w1 = 2 * np.random.random((5, 1)) - 1
for step in range(4000):
    hidden = sigmoid(X.dot(w0))
    out = sigmoid(hidden.dot(w1))
    out_delta = (y - out) * sigmoid(out, deriv=True)
    hidden_delta = out_delta.dot(w1.T) * sigmoid(hidden, deriv=True)
    w1 += hidden.T.dot(out_delta)
    w0 += X.T.dot(hidden_delta)
print(out.round(3).ravel())
