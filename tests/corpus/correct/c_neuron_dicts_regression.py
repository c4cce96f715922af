# Backprop with plain python lists and dictionaries, no numpy at all
from math import exp
from math import tanh
from random import random
from random import seed
from random import shuffle

# Initialize a network: every neuron is a dictionary, the bias is the last weight
def initialize_network(n_inputs, n_hidden, n_outputs):
	network = list()
	hidden_layer = [{'weights':[random() - 0.5 for i in range(n_inputs + 1)]} for i in range(n_hidden)]
	network.append(hidden_layer)
	output_layer = [{'weights':[random() - 0.5 for i in range(n_hidden + 1)]} for i in range(n_outputs)]
	network.append(output_layer)
	return network

# Calculate neuron activation for an input
def activate(weights, inputs):
	activation = weights[-1]
	for i in range(len(weights)-1):
		activation += weights[i] * inputs[i]
	return activation

# Transfer neuron activation: tanh in the hidden layer, sigmoid at the output
def transfer(activation, last):
	if last:
		return 1.0 / (1.0 + exp(-activation))
	return tanh(activation)

# Calculate the derivative of a neuron from its output
def transfer_derivative(output, last):
	if last:
		return output * (1.0 - output)
	return 1.0 - output * output

# Forward propagate input to a network output
def forward_propagate(network, row):
	inputs = row
	for layer in network:
		new_inputs = []
		for neuron in layer:
			activation = activate(neuron['weights'], inputs)
			neuron['output'] = transfer(activation, layer is network[-1])
			new_inputs.append(neuron['output'])
		inputs = new_inputs
	return inputs

# Backpropagate error and store in neurons
def backward_propagate_error(network, expected):
	for i in reversed(range(len(network))):
		layer = network[i]
		last = i == len(network)-1
		errors = list()
		if last:
			for j in range(len(layer)):
				neuron = layer[j]
				errors.append(neuron['output'] - expected[j])
		else:
			for j in range(len(layer)):
				error = 0.0
				for neuron in network[i + 1]:
					error += (neuron['weights'][j] * neuron['delta'])
				errors.append(error)
		for j in range(len(layer)):
			neuron = layer[j]
			neuron['delta'] = errors[j] * transfer_derivative(neuron['output'], last)

# Update network weights with error
def update_weights(network, row, l_rate):
	for i in range(len(network)):
		inputs = row[:-1]
		if i != 0:
			inputs = [neuron['output'] for neuron in network[i - 1]]
		for neuron in network[i]:
			for j in range(len(inputs)):
				neuron['weights'][j] -= l_rate * neuron['delta'] * inputs[j]
			neuron['weights'][-1] -= l_rate * neuron['delta']

# Train a network for a fixed number of epochs
def train_network(network, train, l_rate, n_epoch, n_outputs):
	for epoch in range(n_epoch):
		sum_error = 0
		shuffle(train)
		for row in train:
			outputs = forward_propagate(network, row[:-1])
			expected = [0 for i in range(n_outputs)]
			expected[row[-1]] = 1
			sum_error += sum([(expected[i]-outputs[i])**2 for i in range(len(expected))])
			backward_propagate_error(network, expected)
			update_weights(network, row, l_rate)
		if epoch % 5 == 0:
			print('>epoch=%d, lrate=%.3f, error=%.3f' % (epoch, l_rate, sum_error))

# Three kinds of points: left, right and middle of a strip
def make_dataset(n):
	dataset = list()
	for i in range(n):
		a, b, c = random() * 4 - 2, random(), random()
		label = 0 if a < -0.7 else 1 if a > 0.7 else 2
		dataset.append([a, b, c, label])
	return dataset

seed(3)
dataset = make_dataset(60)
network = initialize_network(3, 5, 3)
train_network(network, dataset, 0.4, 30, 3)
correct = 0
for row in dataset:
	outputs = forward_propagate(network, row[:-1])
	correct += outputs.index(max(outputs)) == row[-1]
print('accuracy: %.1f%%' % (100.0 * correct / len(dataset)))
