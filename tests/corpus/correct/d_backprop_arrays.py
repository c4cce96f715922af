import math
import random

import numpy as np

# a digit segment reader: seven segments in, is it an even digit?  one hidden layer, loops all the way,
# arrays for the weights, the change of the last pattern is remembered

random.seed(11)

SEGMENTS = ["1110111", "0010010", "1011101", "1011011", "0111010",
            "1101011", "1101111", "1010010", "1111111", "1111011"]
IN, HIDDEN, OUT = 8, 5, 1


def random_matrix(rows, cols):
    m = np.zeros((rows, cols))
    for r in range(rows):
        for c in range(cols):
            m[r, c] = random.uniform(-0.6, 0.6)
    return m


wi, wo = random_matrix(IN, HIDDEN), random_matrix(HIDDEN, OUT)
ci, co = np.zeros((IN, HIDDEN)), np.zeros((HIDDEN, OUT))
ai, ah, ao = [1.0] * IN, [1.0] * HIDDEN, [1.0] * OUT


def run(pattern):
    for i in range(IN - 1):
        ai[i] = float(pattern[i])
    for j in range(HIDDEN):
        ah[j] = math.tanh(sum(ai[i] * wi[i, j] for i in range(IN)))
    for k in range(OUT):
        ao[k] = math.tanh(sum(ah[j] * wo[j, k] for j in range(HIDDEN)))


def learn(targets, rate, memory):
    out_delta = [0.0] * OUT
    for k in range(OUT):
        out_delta[k] = (targets[k] - ao[k]) * (1.0 - ao[k] ** 2)
    hid_delta = [0.0] * HIDDEN
    for j in range(HIDDEN):
        back = 0.0
        for k in range(OUT):
            back += out_delta[k] * wo[j, k]
        hid_delta[j] = back * (1.0 - ah[j] ** 2)
    for j in range(HIDDEN):
        for k in range(OUT):
            change = out_delta[k] * ah[j]
            wo[j, k] += rate * change + memory * co[j, k]
            co[j, k] = change
    for i in range(IN):
        for j in range(HIDDEN):
            change = hid_delta[j] * ai[i]
            wi[i, j] += rate * change + memory * ci[i, j]
            ci[i, j] = change
    error = 0.0
    for k in range(OUT):
        error += 0.5 * (targets[k] - ao[k]) ** 2
    return error


patterns = [(s, [1.0 if d % 2 == 0 else -1.0]) for d, s in enumerate(SEGMENTS)]
for epoch in range(60):
    total = 0.0
    for segments, targets in patterns:
        run(segments)
        total += learn(targets, 0.15, 0.05)
    if epoch % 20 == 0:
        print("epoch", epoch, "error", round(total, 5))
for segments, targets in patterns:
    run(segments)
    print(segments, "->", round(ao[0], 2), "meant", targets[0])
