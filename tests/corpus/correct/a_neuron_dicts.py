# multilayer perceptron out of dictionaries, nothing but the standard library
from math import exp
from random import seed, random, uniform


def make_layer(n_inputs, n_neurons):
    return [{'weights': [uniform(-1, 1) for _ in range(n_inputs)], 'bias': random() - 0.5}
            for _ in range(n_neurons)]


def activate(neuron, inputs):
    total = neuron['bias']
    for w, x in zip(neuron['weights'], inputs):
        total += w * x
    return total


def transfer(a):
    return 1.0 / (1.0 + exp(-a))


def transfer_derivative(output):
    return output * (1.0 - output)


def forward_propagate(network, row):
    values = row
    for layer in network:
        for neuron in layer:
            neuron['output'] = transfer(activate(neuron, values))
        values = [neuron['output'] for neuron in layer]
    return values


def backward_propagate_error(network, expected):
    for i in reversed(range(len(network))):
        layer = network[i]
        if i == len(network) - 1:
            errors = [neuron['output'] - t for neuron, t in zip(layer, expected)]
        else:
            errors = []
            for j in range(len(layer)):
                error = 0.0
                for neuron in network[i + 1]:
                    error += neuron['weights'][j] * neuron['delta']
                errors.append(error)
        for neuron, error in zip(layer, errors):
            neuron['delta'] = error * transfer_derivative(neuron['output'])


def update_weights(network, row, l_rate):
    for i in range(len(network)):
        inputs = row
        if i != 0:
            inputs = [neuron['output'] for neuron in network[i - 1]]
        for neuron in network[i]:
            for j in range(len(inputs)):
                neuron['weights'][j] -= l_rate * neuron['delta'] * inputs[j]
            neuron['bias'] -= l_rate * neuron['delta']


def train_network(network, train, l_rate, n_epoch, n_outputs):
    for epoch in range(n_epoch):
        sum_error = 0
        for *row, label in train:
            outputs = forward_propagate(network, row)
            expected = [0 for _ in range(n_outputs)]
            expected[label] = 1
            sum_error += sum((e - o) ** 2 for e, o in zip(expected, outputs))
            backward_propagate_error(network, expected)
            update_weights(network, row, l_rate)
        if epoch % 10 == 0:
            print('>epoch=%d, lrate=%.3f, error=%.3f' % (epoch, l_rate, sum_error))


seed(1)
dataset = [[uniform(1, 4), uniform(1, 4), 0] for _ in range(6)]
dataset += [[uniform(5, 9), uniform(0, 3), 1] for _ in range(6)]
dataset += [[uniform(3, 6), uniform(-4, -1), 2] for _ in range(6)]
low = [min(column) for column in zip(*dataset)]
high = [max(column) for column in zip(*dataset)]
for r in dataset:
    for c in range(2):
        r[c] = (r[c] - low[c]) / (high[c] - low[c])

network = [make_layer(2, 3), make_layer(3, 3), make_layer(3, 3)]
train_network(network, dataset, 0.5, 41, 3)
for *row, label in dataset[::6]:
    outputs = forward_propagate(network, row)
    print('Expected=%d, Got=%d' % (label, outputs.index(max(outputs))))
