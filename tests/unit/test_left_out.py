"""What a step leaves out, beside what it trains: biases, hidden layers, and one sign of two."""

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

CNN = """
import numpy as np
rng = np.random.RandomState(2)

class Conv:
    def __init__(self, n):
        self.filters, self.bias = rng.randn(n, 3, 3) / 9, np.zeros(n)
    def regions(self, image):
        for i in range(image.shape[0] - 2):
            for j in range(image.shape[1] - 2):
                yield image[i:i + 3, j:j + 3], i, j
    def forward(self, image):
        self.last = image
        out = np.zeros((image.shape[0] - 2, image.shape[1] - 2, len(self.filters)))
        for region, i, j in self.regions(image):
            out[i, j] = np.sum(region * self.filters, axis=(1, 2)) + self.bias
        return out
    def backprop(self, grad, rate):
        d_filters = np.zeros(self.filters.shape)
        for region, i, j in self.regions(self.last):
            for f in range(len(self.filters)):
                d_filters[f] += grad[i, j, f] * region
        self.filters -= rate * d_filters
        self.bias -= rate * grad.sum(axis=(0, 1))

class Softmax:
    def __init__(self, n, nodes):
        self.weights, self.biases = rng.randn(n, nodes) / n, np.zeros(nodes)
    def forward(self, image):
        self.shape, self.last = image.shape, image.flatten()
        totals = self.last @ self.weights + self.biases
        e = np.exp(totals - totals.max())
        self.p = e / e.sum()
        return self.p
    def backprop(self, label, rate):
        d_t = self.p.copy()
        d_t[label] -= 1
        d_w, d_b = np.outer(self.last, d_t), d_t
        d_inputs = self.weights @ d_t
        self.weights -= rate * d_w
        self.biases -= rate * d_b
        return d_inputs.reshape(self.shape)

conv, softmax = Conv(2), Softmax(2 * 16, 3)
data = [(rng.randn(6, 6), k % 3) for k in range(12)]
for epoch in range(3):
    for image, label in data:
        p = softmax.forward(conv.forward(image))
        loss = -np.log(p[label])
        conv.backprop(softmax.backprop(label, 0.05), 0.05)
    print(loss)
"""


def test_biases_that_a_network_of_filters_leaves_out_are_told(tmp_path):
    assert judged(tmp_path, CNN) == ("verified", [])
    wrong = CNN.replace(", axis=(1, 2)) + self.bias", ", axis=(1, 2))")
    assert judged(tmp_path, wrong)[1] == [("BP109", line_of(wrong, "np.sum(region"))]
    wrong = CNN.replace("        self.biases -= rate * d_b\n", "")
    assert judged(tmp_path, wrong)[1] == [("BP107", line_of(wrong, "self.weights -= rate"))]


NET = """
import numpy as np
rng = np.random.RandomState(4)
x, t = rng.randn(20, 3), rng.randint(0, 2, (20, 2)).astype(float)

class Net:
    def __init__(self):
        self.hidden_layer_weights = rng.randn(3, 4)
        self.output_layer_weights = rng.randn(4, 2)
    def changes(self, x, t):
        h = 1 / (1 + np.exp(-x @ self.hidden_layer_weights))
        o = 1 / (1 + np.exp(-h @ self.output_layer_weights))
        delta = (t - o) * o * (1 - o)
        beta = delta @ self.output_layer_weights.T
        return 0.5 * ((t - o) ** 2).sum(), h.T @ delta, x.T @ (beta * h * (1 - h))
    def train(self):
        for epoch in range(30):
            sse, output, hidden = self.changes(x, t)
            self.output_layer_weights += 0.1 * output
            self.hidden_layer_weights += 0.1 * hidden
            print(sse)

Net().train()
"""


def test_a_layer_whose_gradient_nobody_uses_is_told(tmp_path):
    assert judged(tmp_path, NET) == ("verified", [])
    wrong = NET.replace("            self.hidden_layer_weights += 0.1 * hidden\n", "")
    assert judged(tmp_path, wrong)[1] == [("BP107", line_of(wrong, "+= 0.1 * output"))]


TWO = """
import math, random
random.seed(3)
rows = [[random.gauss(c, 1), random.gauss(-c, 1)] for c in (0, 2, 4) for _ in range(8)]
labels = [c for c in range(3) for _ in range(8)]
line, shift = [0.0, 0.1], 0.0
for epoch in range(10):
    error, dl, ds = 0.0, [0.0, 0.0], 0.0
    for row, c in zip(rows, labels):
        e = sum(a * b for a, b in zip(line, row)) + shift - c
        error += 0.5 * e * e
        dl = [d + e * v for d, v in zip(dl, row)]
        ds += e
    line = [a - 0.002 * d for a, d in zip(line, dl)]
    shift -= 0.002 * ds
print(error)

class Softmax:
    def __init__(self):
        self.w = [[random.gauss(0, 0.1) for _ in range(2)] for _ in range(3)]
        self.b = [0.01, -0.02, 0.03]
    def fit(self):
        for epoch in range(10):
            gw, gb, loss = [[0.0, 0.0] for _ in range(3)], [0.0] * 3, 0.0
            for row, c in zip(rows, labels):
                z = [sum(a * b for a, b in zip(w, row)) + b for w, b in zip(self.w, self.b)]
                e = [math.exp(v - max(z)) for v in z]
                p = [v / sum(e) for v in e]
                for k in range(3):
                    d = p[k] - (1.0 if k == c else 0.0)
                    for j in range(2):
                        gw[k][j] += d * row[j]
                    gb[k] += d
                loss -= math.log(p[c])
            for k in range(3):
                for j in range(2):
                    self.w[k][j] -= 0.02 * gw[k][j]
                self.b[k] -= 0.02 * gb[k]
        print(loss)

Softmax().fit()
"""


def test_one_sign_of_two_is_told_in_a_further_training(tmp_path):
    assert judged(tmp_path, TWO) == ("verified", [])
    wrong = TWO.replace("self.b[k] -= 0.02", "self.b[k] += 0.02")
    assert judged(tmp_path, wrong)[1] == [("BP104", line_of(wrong, "self.b[k] += 0.02"))]


MATRICES = """
import math, random
random.seed(4)

class Matrix:
    def __init__(self, rows, cols):
        self.data = [[random.uniform(-1, 1) for _ in range(cols)] for _ in range(rows)]

    def add(self, other):
        for i in range(len(self.data)):
            for j in range(len(self.data[0])):
                self.data[i][j] += other[i][j]

    def times(self, x):
        return [sum(w * v for w, v in zip(row, x)) for row in self.data]

class Net:
    def __init__(self):
        self.w1, self.b1 = Matrix(3, 2), Matrix(3, 1)
        self.w2, self.b2 = Matrix(2, 3), Matrix(2, 1)

    def train(self, x, t):
        h = [math.tanh(z + b[0]) for z, b in zip(self.w1.times(x), self.b1.data)]
        out = [z + b[0] for z, b in zip(self.w2.times(h), self.b2.data)]
        error = sum((o - y) ** 2 for o, y in zip(out, t)) / 2
        d2 = [o - y for o, y in zip(out, t)]
        back = [sum(d2[k] * self.w2.data[k][j] for k in range(2)) for j in range(3)]
        d1 = [b * (1 - a * a) for b, a in zip(back, h)]
        self.w2.add([[-0.1 * d * a for a in h] for d in d2])
        self.b2.add([[-0.1 * d] for d in d2])
        self.w1.add([[-0.1 * d * v for v in x] for d in d1])
        self.b1.add([[-0.1 * d] for d in d1])
        return error

net = Net()
for epoch in range(40):
    total = 0.0
    for x in ([0.2, 0.7], [0.9, -0.4], [-0.6, 0.1]):
        total += net.train(x, [x[0] * x[1], x[0] - x[1]])
    print(total)
"""


def test_a_call_that_is_missing_is_missed_beside_that_for_its_weights(tmp_path):
    assert judged(tmp_path, MATRICES) == ("verified", [])
    wrong = MATRICES.replace("        self.b1.add([[-0.1 * d] for d in d1])\n", "")
    assert judged(tmp_path, wrong)[1] == [("BP107", line_of(wrong, "self.w1.add"))]
