"""A small convolutional net by loops: 3x3 filters, 2x2 max pooling, a softmax layer, one image a
step.

Shows: BP101. The bias of a filter takes part in every pixel of its map, so its gradient is the sum
over the map; here it is the mean.
"""
import numpy as np


def conv(image, filters, bias):
    n, k, _ = filters.shape
    size = image.shape[0] - k + 1
    out = np.zeros((n, size, size))
    for f in range(n):
        for i in range(size):
            for j in range(size):
                out[f, i, j] = np.sum(image[i:i + k, j:j + k] * filters[f]) + bias[f]
    return out


def pool(maps):
    n, h, w = maps.shape
    out = np.zeros((n, h // 2, w // 2))
    for f in range(n):
        for i in range(h // 2):
            for j in range(w // 2):
                out[f, i, j] = np.max(maps[f, 2 * i:2 * i + 2, 2 * j:2 * j + 2])
    return out


def pool_backward(d_out, maps):
    d_maps = np.zeros(maps.shape)
    n, h, w = d_out.shape
    for f in range(n):
        for i in range(h):
            for j in range(w):
                window = maps[f, 2 * i:2 * i + 2, 2 * j:2 * j + 2]
                row, column = np.unravel_index(np.argmax(window), window.shape)
                d_maps[f, 2 * i + row, 2 * j + column] = d_out[f, i, j]
    return d_maps


def conv_backward(d_maps, image, filters):
    d_filters = np.zeros(filters.shape)
    d_bias = np.zeros(len(filters))
    k = filters.shape[1]
    n, h, w = d_maps.shape
    for f in range(n):
        for i in range(h):
            for j in range(w):
                d_filters[f] += d_maps[f, i, j] * image[i:i + k, j:j + k]
        d_bias[f] = np.mean(d_maps[f])
    return d_filters, d_bias


def make_images(count, rng):
    """Bars across (label 0) or down (label 1), with noise."""
    images = rng.normal(0, 0.1, (count, 6, 6))
    labels = rng.integers(0, 2, count)
    for image, label in zip(images, labels):
        at = rng.integers(0, 6)
        if label:
            image[:, at] += 1
        else:
            image[at, :] += 1
    return images, labels


rng = np.random.default_rng(1)
images, labels = make_images(30, rng)
filters = rng.normal(0, 0.4, (2, 3, 3))
bias = np.zeros(2)
weights = rng.normal(0, 0.3, (2, 8))
offset = np.zeros(2)
rate = 0.05

for epoch in range(2):
    total = 0.0
    for image, label in zip(images, labels):
        maps = conv(image, filters, bias)
        pooled = pool(maps)
        flat = pooled.ravel()
        scores = weights @ flat + offset
        p = np.exp(scores - scores.max())
        p /= p.sum()
        loss = -np.log(p[label])
        total += loss

        d_scores = p.copy()
        d_scores[label] -= 1
        d_weights = np.outer(d_scores, flat)
        d_flat = weights.T @ d_scores
        d_maps = pool_backward(d_flat.reshape(pooled.shape), maps)
        d_filters, d_bias = conv_backward(d_maps, image, filters)

        weights -= rate * d_weights
        offset -= rate * d_scores
        filters -= rate * d_filters
        bias -= rate * d_bias
    print("epoch", epoch, "mean loss", round(total / len(images), 4))
