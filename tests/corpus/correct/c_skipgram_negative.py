#!/usr/bin/env python3
"""word2vec (skip-gram, negative sampling) on a toy corpus; my notes from the NLP course, week 1"""

import random
from collections import Counter

import numpy as np

TEXT = """the king rules the land and the queen rules the court . the dog chases the cat and the cat
chases the mouse . the king loves the queen . the dog sleeps near the cat . the queen walks to the land
and the king walks to the court . the mouse sleeps near the court"""

WINDOW = 2
K = 4
DIM = 10


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def get_negative_samples(outside_idx, table, k):
    """ Samples K indexes which are not the outside_idx """
    neg_sample_word_indices = [None] * k
    for i in range(k):
        new_idx = random.choice(table)
        while new_idx == outside_idx:
            new_idx = random.choice(table)
        neg_sample_word_indices[i] = new_idx
    return neg_sample_word_indices


def neg_sampling_loss_and_gradient(center_vec, outside_idx, outside_vectors, negatives):
    """
    center_vec -- v_c, shape (dim,)
    outside_vectors -- all u, one in a row
    negatives -- indices, the same word can come twice

    Return: loss, dJ/dv_c, dJ/dU (full matrix)
    """
    grad_outside = np.zeros(outside_vectors.shape)

    u_o = outside_vectors[outside_idx]
    s = sigmoid(np.dot(u_o, center_vec))
    loss = -np.log(s)
    grad_center = (s - 1) * u_o
    grad_outside[outside_idx] += (s - 1) * center_vec

    U_k = outside_vectors[negatives]
    s_k = sigmoid(-U_k.dot(center_vec))
    loss -= np.sum(np.log(s_k))
    grad_center += (1 - s_k).dot(U_k)
    np.add.at(grad_outside, negatives, (1 - s_k)[:, None] * center_vec)

    return loss, grad_center, grad_outside


def skipgram(center, outside_words, word2ind, center_vectors, outside_vectors, table):
    loss = 0.0
    grad_c = np.zeros(center_vectors.shape)
    grad_o = np.zeros(outside_vectors.shape)
    c = word2ind[center]
    for word in outside_words:
        o = word2ind[word]
        negatives = get_negative_samples(o, table, K)
        l, gc, go = neg_sampling_loss_and_gradient(center_vectors[c], o, outside_vectors, negatives)
        loss += l
        grad_c[c] += gc
        grad_o += go
    return loss, grad_c, grad_o


def random_context(tokens):
    pos = random.randint(0, len(tokens) - 1)
    context = tokens[max(0, pos - WINDOW):pos] + tokens[pos + 1:pos + WINDOW + 1]
    return tokens[pos], context


def main():
    random.seed(31415)
    np.random.seed(9265)
    tokens = TEXT.split()
    counts = Counter(tokens)
    words = sorted(counts)
    word2ind = {w: i for i, w in enumerate(words)}
    # frequency to the power 3/4
    table = [word2ind[w] for w in words for _ in range(int(round(10 * counts[w] ** 0.75)))]

    center_vectors = (np.random.rand(len(words), DIM) - 0.5) / DIM * 4
    outside_vectors = (np.random.rand(len(words), DIM) - 0.5) / DIM * 4
    batch, step = 10, 0.3
    exploss = None
    for it in range(1, 151):
        cost, gc, go = 0.0, np.zeros_like(center_vectors), np.zeros_like(outside_vectors)
        for _ in range(batch):
            center, context = random_context(tokens)
            l, a, b = skipgram(center, context, word2ind, center_vectors, outside_vectors, table)
            cost += l / batch
            gc += a / batch
            go += b / batch
        center_vectors -= step * gc
        outside_vectors -= step * go
        exploss = cost if not exploss else .95 * exploss + .05 * cost
        if it % 25 == 0:
            print("iter %d: %f" % (it, exploss))

    unit = center_vectors / np.linalg.norm(center_vectors, axis=1, keepdims=True)
    near = np.argsort(-unit @ unit[word2ind['king']])[1:4]
    print("near 'king':", [words[i] for i in near])


if __name__ == "__main__":
    main()
