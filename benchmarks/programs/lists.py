"""The network of lists and dicts of `examples/neurons_of_lists.py`, larger: 12,000 steps."""

from math import exp
from random import seed, random


def make_network(n_inputs, n_hidden, n_outputs):
    hidden = [{"weights": [random() - 0.5 for _ in range(n_inputs + 1)]} for _ in range(n_hidden)]
    output = [{"weights": [random() - 0.5 for _ in range(n_hidden + 1)]} for _ in range(n_outputs)]
    return [hidden, output]


def activate(weights, inputs):
    total = weights[-1]
    for i in range(len(weights) - 1):
        total += weights[i] * inputs[i]
    return total


def propagate_forward(network, row):
    inputs = row
    for layer in network:
        outputs = []
        for neuron in layer:
            neuron["output"] = 1.0 / (1.0 + exp(-activate(neuron["weights"], inputs)))
            outputs.append(neuron["output"])
        inputs = outputs
    return inputs


def propagate_back(network, expected):
    for i in reversed(range(len(network))):
        layer = network[i]
        for j, neuron in enumerate(layer):
            if i == len(network) - 1:
                error = neuron["output"] - expected[j]
            else:
                error = 0.0
                for above in network[i + 1]:
                    error += above["weights"][j] * above["delta"]
            neuron["delta"] = error * neuron["output"] * (1.0 - neuron["output"])


def update(network, row, rate):
    inputs = row
    for layer in network:
        for neuron in layer:
            for j in range(len(inputs)):
                neuron["weights"][j] -= rate * neuron["delta"] * inputs[j]
            neuron["weights"][-1] -= rate * neuron["delta"]
        inputs = [neuron["output"] for neuron in layer]


seed(4)
dataset = [([random() * 4, random() * 4], k) for k in (0, 1) for _ in range(6)]
dataset = [([a + 1.5 * k, b - k], k) for (a, b), k in dataset]
network = make_network(2, 8, 2)
for epoch in range(1000):
    sum_error = 0.0
    for row, label in dataset:
        expected = [0, 0]
        expected[label] = 1
        outputs = propagate_forward(network, row)
        sum_error += sum(0.5 * (e - o) ** 2 for e, o in zip(expected, outputs))
        propagate_back(network, expected)
        update(network, row, 0.4)
    if epoch % 250 == 0:
        print("epoch=%d, error=%.4f" % (epoch, sum_error))
