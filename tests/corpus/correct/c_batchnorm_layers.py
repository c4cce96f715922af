import numpy as np

np.set_printoptions(precision=4, suppress=True)


class Dense:
    def __init__(self, n_inputs, n_neurons):
        self.weights = np.random.randn(n_inputs, n_neurons) * np.sqrt(2 / n_inputs)
        self.biases = np.zeros((1, n_neurons))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)


class BatchNorm:
    def __init__(self, n, eps=1e-5, momentum=0.9):
        self.gamma = np.ones((1, n))
        self.beta = np.zeros((1, n))
        self.eps, self.momentum = eps, momentum
        self.running_mean, self.running_var = np.zeros((1, n)), np.ones((1, n))

    def forward(self, inputs, training=True):
        if training:
            mean = inputs.mean(axis=0, keepdims=True)
            var = inputs.var(axis=0, keepdims=True)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mean, var = self.running_mean, self.running_var
        self.centered = inputs - mean
        self.inv_std = 1 / np.sqrt(var + self.eps)
        self.normalized = self.centered * self.inv_std
        self.output = self.gamma * self.normalized + self.beta

    def backward(self, dvalues):
        samples = len(dvalues)
        self.dgamma = np.sum(dvalues * self.normalized, axis=0, keepdims=True)
        self.dbeta = np.sum(dvalues, axis=0, keepdims=True)
        dnormalized = dvalues * self.gamma
        dvar = np.sum(dnormalized * self.centered, axis=0, keepdims=True) * -0.5 * self.inv_std ** 3
        dmean = -np.sum(dnormalized * self.inv_std, axis=0, keepdims=True)
        self.dinputs = dnormalized * self.inv_std + dvar * 2 * self.centered / samples + dmean / samples


class ReLU:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        # zero gradient where input values were negative
        self.dinputs[self.inputs <= 0] = 0


class SoftmaxCrossEntropy:
    def forward(self, inputs, y_true):
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = exp_values / np.sum(exp_values, axis=1, keepdims=True)
        confidences = self.output[range(len(y_true)), y_true]
        return np.mean(-np.log(confidences))

    def backward(self, y_true):
        self.dinputs = self.output.copy()
        self.dinputs[range(len(y_true)), y_true] -= 1
        self.dinputs = self.dinputs / len(y_true)


def spiral(samples, classes):
    X, y = [], []
    for c in range(classes):
        r = np.linspace(0.1, 1, samples)
        t = np.linspace(c * 4, (c + 1) * 4, samples) * 0.7 + np.random.randn(samples) * 0.1
        X.append(np.c_[r * np.sin(t * 2), r * np.cos(t * 2)])
        y.append(np.full(samples, c))
    return np.concatenate(X), np.concatenate(y)


np.random.seed(0)
X, y = spiral(50, 3)

dense1, norm1, act1 = Dense(2, 16), BatchNorm(16), ReLU()
dense2, loss_activation = Dense(16, 3), SoftmaxCrossEntropy()
learning_rate = 0.5

for epoch in range(201):
    dense1.forward(X)
    norm1.forward(dense1.output)
    act1.forward(norm1.output)
    dense2.forward(act1.output)
    loss = loss_activation.forward(dense2.output, y)

    if not epoch % 50:
        accuracy = np.mean(np.argmax(loss_activation.output, axis=1) == y)
        print(f'epoch: {epoch}, acc: {accuracy:.3f}, loss: {loss:.3f}')

    loss_activation.backward(y)
    dense2.backward(loss_activation.dinputs)
    act1.backward(dense2.dinputs)
    norm1.backward(act1.dinputs)
    dense1.backward(norm1.dinputs)

    for layer in (dense1, dense2):
        layer.weights += -learning_rate * layer.dweights
        layer.biases += -learning_rate * layer.dbiases
    norm1.gamma += -learning_rate * norm1.dgamma
    norm1.beta += -learning_rate * norm1.dbeta

dense1.forward(X)
norm1.forward(dense1.output, training=False)
act1.forward(norm1.output)
dense2.forward(act1.output)
print('with running statistics:', loss_activation.forward(dense2.output, y).round(3))
