import numpy as np

words = np.array([[2, 0, 1], [0, 3, 1], [1, 1, 0], [4, 0, 2], [0, 2, 2], [1, 0, 0]])
spam = np.array([1, 0, 0, 1, 0, 1])
weights = np.array([1, 1, 1])
bias = 0.0
for epoch in range(100):
    for x, t in zip(words, spam):
        p = 1 / (1 + np.exp(-(weights @ x + bias)))
        error = p - t
        for j in range(3):
            weights[j] = weights[j] - 0.1 * error * x[j]
        bias = bias - 0.1 * error
print(weights, bias)
