"""A two-layer classifier on the flower data: the cost turns into nan after some 1,600 steps.

Every formula is right on paper. The output delta is the product of two quotients by A and 1 - A
with sigma'(Z); once the net is sure of a point, A rounds to 1, the quotient is infinite and
sigma'(Z) zero.

The program retells a question asked on Stack Overflow (63376932, "How to debug backpropagation
implementation from scratch?"). Its first costs are the ones reported there; the step of the first
nan hangs on the last bits, 1,300 there and 1,632 where this was written.
"""
import numpy as np


class BinaryClassifier:
    """ReLU layers, one sigmoid unit on top, full-batch gradient descent on the cross-entropy."""

    def __init__(self, X, Y, hidden_layers, num_iterations, learning_rate=1.2):
        np.random.seed(1)
        self.X = X
        self.Y = Y
        self.m = Y.shape[1]
        self.layers = hidden_layers + [1]
        self.L = len(self.layers)
        self.num_iterations = num_iterations
        self.learning_rate = learning_rate

        # everything is keyed by layer; layer 0 is the input
        self.W, self.b = {}, {}
        self.Z, self.A = {}, {}
        self.dZ, self.dA = {}, {}
        self.dW, self.db = {}, {}

        fan_in = X.shape[0]
        for index, units in enumerate(self.layers):
            self.W[index + 1] = np.random.randn(units, fan_in) * np.sqrt(2 / fan_in)  # He
            self.b[index + 1] = np.zeros((units, 1))
            fan_in = units

    def relu(self, Z):
        return np.maximum(Z, 0)

    def sigmoid(self, Z):
        return 1 / (1 + np.exp(-Z))

    def relu_gradient(self, Z):
        return np.where(Z > 0, 1, 0)

    def sigmoid_gradient(self, Z):
        return self.sigmoid(Z) * (1 - self.sigmoid(Z))

    def layer_forward(self, A_prev, W, b, activation):
        Z = np.dot(W, A_prev) + b
        if activation == 'relu':
            A = self.relu(Z)
        elif activation == 'sigmoid':
            A = self.sigmoid(Z)
        else:
            raise ValueError('unknown activation: %s' % activation)
        assert A.shape == Z.shape
        return A, Z

    def forward(self):
        self.A[0] = np.copy(self.X)
        for l in range(1, self.L + 1):
            activation = 'relu' if l < self.L else 'sigmoid'
            self.A[l], self.Z[l] = self.layer_forward(
                self.A[l - 1], self.W[l], self.b[l], activation)
        return self.A[self.L]

    def compute_cost(self, AL):
        cost = -1 / self.m * np.sum(self.Y * np.log(AL) + (1 - self.Y) * np.log(1 - AL))
        cost = np.squeeze(cost)
        assert cost.shape == ()
        return cost

    def layer_backward(self, dA, A_prev, W, Z, activation):
        if activation == 'relu':
            dZ = dA * self.relu_gradient(Z)
        elif activation == 'sigmoid':
            dZ = dA * self.sigmoid_gradient(Z)
        else:
            raise ValueError('unknown activation: %s' % activation)
        dW = 1 / self.m * np.dot(dZ, A_prev.T)
        db = 1 / self.m * np.sum(dZ, axis=1, keepdims=True)
        dA_prev = np.dot(W.T, dZ)
        assert dA_prev.shape == A_prev.shape
        assert dW.shape == W.shape
        return dA_prev, dZ, dW, db

    def backward(self):
        for l in reversed(range(1, self.L + 1)):
            if l == self.L:
                self.dA[l] = -(np.divide(self.Y, self.A[l]) - np.divide(1 - self.Y, 1 - self.A[l]))
                activation = 'sigmoid'
            else:
                activation = 'relu'
            self.dA[l - 1], self.dZ[l], self.dW[l], self.db[l] = self.layer_backward(
                self.dA[l], self.A[l - 1], self.W[l], self.Z[l], activation)

    def update(self):
        for l in range(1, self.L + 1):
            self.W[l] -= self.learning_rate * self.dW[l]
            self.b[l] -= self.learning_rate * self.db[l]

    def train(self, print_cost=True):
        np.random.seed(1)
        for i in range(self.num_iterations):
            AL = self.forward()
            if print_cost and i % 500 == 0:
                print('cost at %s iterations: %s' % (i, self.compute_cost(AL)))
            self.backward()
            self.update()

    def predict(self):
        return np.where(self.forward() > 0.5, 1, 0)


def flower_data():
    """Two classes of 200 points on the petals of a rose curve; one column per point."""
    np.random.seed(1)
    m = 400
    half = m // 2
    X = np.zeros((m, 2))
    Y = np.zeros((m, 1), dtype='uint8')
    for label in range(2):
        rows = range(half * label, half * (label + 1))
        theta = np.linspace(label * 3.12, (label + 1) * 3.12, half) + np.random.randn(half) * 0.2
        radius = 4 * np.sin(4 * theta) + np.random.randn(half) * 0.2
        X[rows] = np.c_[radius * np.sin(theta), radius * np.cos(theta)]
        Y[rows] = label
    return X.T, Y.T


X, Y = flower_data()
network = BinaryClassifier(X, Y, [4], 4000, learning_rate=1.2)
network.train()
print('correct: %d of %d' % (np.sum(network.predict() == Y), Y.size))
