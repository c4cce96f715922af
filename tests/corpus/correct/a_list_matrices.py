import random
import math

random.seed(20)

# --- a handful of matrix helpers on lists of lists -------------------------


def zeros(rows, cols):
    return [[0.0] * cols for _ in range(rows)]


def rand_matrix(rows, cols, scale):
    return [[random.gauss(0, scale) for _ in range(cols)] for _ in range(rows)]


def matmul(A, B):
    C = zeros(len(A), len(B[0]))
    for i in range(len(A)):
        for j in range(len(B[0])):
            for k in range(len(B)):
                C[i][j] += A[i][k] * B[k][j]
    return C


def transpose(A):
    return [list(col) for col in zip(*A)]


# --- data: a noisy surface --------------------------------------------------

N, N_IN, N_HID, N_OUT = 24, 3, 4, 2
X = [[random.uniform(-1.5, 1.5) for _ in range(N_IN)] for _ in range(N)]
T = [[math.sin(x[0]) + 0.5 * x[1], x[0] * x[2]] for x in X]

V = rand_matrix(N_IN, N_HID, 0.6)
W = rand_matrix(N_HID, N_OUT, 0.6)
bv = [0.0] * N_HID
bw = [0.0] * N_OUT
DECAY = 0.01
RATE = 0.2

for epoch in range(61):
    hidden = matmul(X, V)
    for n in range(N):
        for h in range(N_HID):
            hidden[n][h] = math.tanh(hidden[n][h] + bv[h])
    out = matmul(hidden, W)
    for n in range(N):
        for o in range(N_OUT):
            out[n][o] += bw[o]

    # mean squared error + weight decay on both matrices
    cost = 0.0
    for n in range(N):
        for o in range(N_OUT):
            cost += (out[n][o] - T[n][o]) ** 2 / (2 * N)
    for row in V + W:
        for w in row:
            cost += 0.5 * DECAY * w * w

    # derivatives
    d_out = zeros(N, N_OUT)
    for n in range(N):
        for o in range(N_OUT):
            d_out[n][o] = (out[n][o] - T[n][o]) / N
    d_hid = matmul(d_out, transpose(W))
    for n in range(N):
        for h in range(N_HID):
            d_hid[n][h] *= 1 - hidden[n][h] ** 2
    grad_W = matmul(transpose(hidden), d_out)
    grad_V = matmul(transpose(X), d_hid)

    # descent, entry by entry
    for i in range(N_HID):
        for j in range(N_OUT):
            W[i][j] -= RATE * (grad_W[i][j] + DECAY * W[i][j])
    for i in range(N_IN):
        for j in range(N_HID):
            V[i][j] -= RATE * (grad_V[i][j] + DECAY * V[i][j])
    for o in range(N_OUT):
        bw[o] -= RATE * sum(d_out[n][o] for n in range(N))
    for h in range(N_HID):
        bv[h] -= RATE * sum(d_hid[n][h] for n in range(N))

    if epoch % 20 == 0:
        print(epoch, round(cost, 5))
