"""
A tiny matrix class and a network on top of it. No numpy, on purpose: I wanted to see every multiplication.
"""
import math
import random


class Matrix:
    def __init__(self, rows, cols, data=None):
        self.rows, self.cols = rows, cols
        self.data = data if data is not None else [[0.0] * cols for _ in range(rows)]

    @staticmethod
    def from_list(values):
        return Matrix(len(values), 1, [[v] for v in values])

    def to_list(self):
        return [v for row in self.data for v in row]

    def randomize(self):
        self.data = [[random.uniform(-1, 1) for _ in range(self.cols)] for _ in range(self.rows)]
        return self

    def transpose(self):
        return Matrix(self.cols, self.rows, [list(col) for col in zip(*self.data)])

    def map(self, func):
        return Matrix(self.rows, self.cols, [[func(v) for v in row] for row in self.data])

    def zip(self, other, func):
        assert (self.rows, self.cols) == (other.rows, other.cols), "sizes differ"
        return Matrix(self.rows, self.cols, [[func(a, b) for a, b in zip(ra, rb)]
                                             for ra, rb in zip(self.data, other.data)])

    def add(self, other):
        return self.zip(other, lambda a, b: a + b)

    def subtract(self, other):
        return self.zip(other, lambda a, b: a - b)

    def hadamard(self, other):
        return self.zip(other, lambda a, b: a * b)

    def scale(self, n):
        return self.map(lambda v: v * n)

    def multiply(self, other):
        assert self.cols == other.rows, "cannot multiply"
        result = Matrix(self.rows, other.cols)
        for i in range(self.rows):
            for j in range(other.cols):
                total = 0.0
                for k in range(self.cols):
                    total += self.data[i][k] * other.data[k][j]
                result.data[i][j] = total
        return result


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def dsigmoid(y):
    # y has already been through sigmoid
    return y * (1 - y)


class ToyNet:
    def __init__(self, inputs, hidden, outputs, lr):
        self.weights_ih = Matrix(hidden, inputs).randomize()
        self.weights_ho = Matrix(outputs, hidden).randomize()
        self.bias_h = Matrix(hidden, 1).randomize()
        self.bias_o = Matrix(outputs, 1).randomize()
        self.lr = lr

    def predict(self, values):
        hidden = self.weights_ih.multiply(Matrix.from_list(values)).add(self.bias_h).map(sigmoid)
        return self.weights_ho.multiply(hidden).add(self.bias_o).map(sigmoid).to_list()

    def train(self, values, wanted):
        inputs = Matrix.from_list(values)
        hidden = self.weights_ih.multiply(inputs).add(self.bias_h).map(sigmoid)
        outputs = self.weights_ho.multiply(hidden).add(self.bias_o).map(sigmoid)

        # ERROR = TARGETS - OUTPUTS
        output_errors = Matrix.from_list(wanted).subtract(outputs)
        gradients = outputs.map(dsigmoid).hadamard(output_errors).scale(self.lr)
        hidden_errors = self.weights_ho.transpose().multiply(outputs.map(dsigmoid).hadamard(output_errors))
        hidden_gradient = hidden.map(dsigmoid).hadamard(hidden_errors).scale(self.lr)

        self.weights_ho = self.weights_ho.add(gradients.multiply(hidden.transpose()))
        self.bias_o = self.bias_o.add(gradients)
        self.weights_ih = self.weights_ih.add(hidden_gradient.multiply(inputs.transpose()))
        self.bias_h = self.bias_h.add(hidden_gradient)


random.seed(1)
xor = [([0, 0], [0, 1]), ([0, 1], [1, 0]), ([1, 0], [1, 0]), ([1, 1], [0, 1])]
nn = ToyNet(2, 4, 2, 1.5)
for i in range(2001):
    values, wanted = random.choice(xor)
    nn.train(values, wanted)
    if i % 400 == 0:
        cost = sum((w - p) ** 2 for v, t in xor for w, p in zip(t, nn.predict(v))) / len(xor)
        print("round %5d   cost %.4f" % (i, cost))
for values, wanted in xor:
    print(values, [round(p, 2) for p in nn.predict(values)])
