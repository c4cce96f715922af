import math
import random

import numpy as np

# Node by node, the way the lecture draws it. Outputs are kept in plain lists.
random.seed(2)
INPUTS, HIDDEN, OUTPUTS = 3, 4, 3
w_hidden = np.array([[random.uniform(-1, 1) for _ in range(HIDDEN)] for _ in range(INPUTS)])
w_output = np.array([[random.uniform(-1, 1) for _ in range(OUTPUTS)] for _ in range(HIDDEN)])
RATE = 0.4


def squash(v):
    return 1 / (1 + math.exp(-v))


def run(x):
    hidden = []
    for j in range(HIDDEN):
        s = 0.0
        for i in range(INPUTS):
            s += w_hidden[i][j] * x[i]
        hidden.append(squash(s))
    output = []
    for k in range(OUTPUTS):
        s = 0.0
        for j in range(HIDDEN):
            s += w_output[j][k] * hidden[j]
        output.append(squash(s))
    return hidden, output


samples = []
for _ in range(24):
    x = [random.uniform(-1, 1), random.uniform(-1, 1), 1.0]
    samples.append((x, np.eye(OUTPUTS)[0 if x[0] > 0.2 else 1 if x[1] > 0 else 2]))

for epoch in range(10):
    right = 0
    for x, wanted in samples:
        hidden, output = run(x)
        right += int(np.argmax(output) == np.argmax(wanted))
        missing = wanted - output
        back = np.zeros(HIDDEN)
        for j in range(HIDDEN):
            for k in range(OUTPUTS):
                back[j] += w_output[j][k] * output[k] * (1 - output[k]) * missing[k]
        step_output = np.zeros((HIDDEN, OUTPUTS))
        for j in range(HIDDEN):
            for k in range(OUTPUTS):
                step_output[j][k] = RATE * hidden[j] * output[k] * (1 - output[k]) * missing[k]
        step_hidden = np.zeros((INPUTS, HIDDEN))
        for i in range(INPUTS):
            for j in range(HIDDEN):
                step_hidden[i][j] = RATE * x[i] * hidden[j] * (1 - hidden[j]) * back[j]
        w_output += step_output
        w_hidden += step_hidden
    print(epoch, right / len(samples))
