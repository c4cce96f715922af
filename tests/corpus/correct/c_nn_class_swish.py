import numpy as np


class NeuralNetwork:
    """
    A small fully connected network with one hidden layer, as in my blog post
    "Neural networks are only matrix products".
    """

    def __init__(self, x, y, hidden=7):
        self.input = x
        self.y = y
        self.weights1 = np.random.rand(self.input.shape[1], hidden) - 0.5
        self.bias1 = np.zeros((1, hidden))
        self.weights2 = np.random.rand(hidden, y.shape[1]) - 0.5
        self.bias2 = np.zeros((1, y.shape[1]))
        self.loss_history = []

    # ---- activations -------------------------------------------------
    @staticmethod
    def sigmoid(t):
        return 1.0 / (1.0 + np.exp(-t))

    def swish(self, t):
        return t * self.sigmoid(t)

    def swish_derivative(self, t):
        s = self.sigmoid(t)
        return s + t * s * (1 - s)

    def sigmoid_derivative(self, p):
        """Derivative of the sigmoid, p is the *output* of the sigmoid."""
        return p * (1 - p)

    # ---- the two passes ----------------------------------------------
    def feedforward(self):
        self.z1 = np.dot(self.input, self.weights1) + self.bias1
        self.layer1 = self.swish(self.z1)
        self.output = self.sigmoid(np.dot(self.layer1, self.weights2) + self.bias2)
        return self.output

    def loss(self):
        return np.sum((self.y - self.output) ** 2)

    def backprop(self, learning_rate):
        # chain rule: d loss / d weights2, d loss / d weights1
        d_output = 2 * (self.y - self.output) * self.sigmoid_derivative(self.output)
        d_weights2 = np.dot(self.layer1.T, d_output)
        d_bias2 = np.sum(d_output, axis=0, keepdims=True)

        d_layer1 = np.dot(d_output, self.weights2.T)
        d_hidden = d_layer1 * self.swish_derivative(self.z1)
        d_weights1 = np.dot(self.input.T, d_hidden)
        d_bias1 = np.sum(d_hidden, axis=0, keepdims=True)

        # d_... already point downhill, so they are added
        self.weights1 += learning_rate * d_weights1
        self.bias1 += learning_rate * d_bias1
        self.weights2 += learning_rate * d_weights2
        self.bias2 += learning_rate * d_bias2

    def train(self, epochs, learning_rate):
        for epoch in range(epochs):
            self.feedforward()
            self.loss_history.append(self.loss())
            self.backprop(learning_rate)

    def predict(self, x):
        hidden = self.swish(np.dot(x, self.weights1) + self.bias1)
        return self.sigmoid(np.dot(hidden, self.weights2) + self.bias2)


if __name__ == "__main__":
    np.random.seed(99)
    # is the point inside the ring? and: is it above the diagonal?
    points = np.random.uniform(-1.5, 1.5, (60, 2))
    radius = np.sqrt((points ** 2).sum(axis=1))
    labels = np.column_stack([(radius > 0.6) & (radius < 1.3), points[:, 0] < points[:, 1]])

    nn = NeuralNetwork(points, labels.astype(float))
    nn.train(800, 0.05)
    for e in range(0, 800, 100):
        print(f"epoch {e:4d}   loss {nn.loss_history[e]:.5f}")
    fresh = np.array([[0.0, 1.0], [0.1, -0.2], [1.0, 0.2]])
    print(nn.predict(fresh).round(3))
