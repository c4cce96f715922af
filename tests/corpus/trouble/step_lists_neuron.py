# a single linear neuron, no libraries

samples = [([1.0, 2.0], 4.0), ([2.0, 0.5], 3.0), ([3.0, 1.5], 5.5), ([0.5, 3.0], 5.0), ([4.0, 2.0], 8.0)]
weights = [0.1, -0.1]
bias = 0.05
RATE = 0.35


def predict(x):
    total = bias
    for w, v in zip(weights, x):
        total += w * v
    return total


for epoch in range(60):
    loss = 0.0
    gw = [0.0, 0.0]
    gb = 0.0
    for x, target in samples:
        error = predict(x) - target
        loss += 0.5 * error * error
        for i in range(len(weights)):
            gw[i] += error * x[i]
        gb += error
    for i in range(len(weights)):
        weights[i] = weights[i] - RATE * gw[i] / len(samples)
    bias = bias - RATE * gb / len(samples)
    if epoch % 10 == 0:
        print(epoch, loss)
