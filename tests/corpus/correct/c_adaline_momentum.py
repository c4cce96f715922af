# adaline.py - delta rule with momentum, units with tanh output.
# Ported line by line from my old C program, hence the loops and the index variables.

import math
import random

NPAT = 24
NIN = 4
NOUT = 2
ETA = 0.05
ALPHA = 0.8     # momentum
MAXCYC = 80

random.seed(1995)

# ---- arrays -----------------------------------------------------------
pat = [[0.0] * (NIN + 1) for p in range(NPAT)]      # [NIN] is the threshold input, always 1
tgt = [[0.0] * NOUT for p in range(NPAT)]
w = [[0.0] * (NIN + 1) for o in range(NOUT)]
dw = [[0.0] * (NIN + 1) for o in range(NOUT)]       # accumulated gradient of one cycle
old = [[0.0] * (NIN + 1) for o in range(NOUT)]      # last change
net = [0.0] * NOUT
out = [0.0] * NOUT
delta = [0.0] * NOUT


def fill():
    for p in range(NPAT):
        for i in range(NIN):
            pat[p][i] = random.gauss(0.0, 1.0)
        pat[p][NIN] = 1.0
        tgt[p][0] = 0.8 if pat[p][0] - pat[p][2] > 0.3 else -0.8
        tgt[p][1] = 0.8 if pat[p][1] + 0.5 * pat[p][3] > 0.0 else -0.8
    for o in range(NOUT):
        for i in range(NIN + 1):
            w[o][i] = random.uniform(-0.3, 0.3)


def propagate(p):
    for o in range(NOUT):
        net[o] = 0.0
        for i in range(NIN + 1):
            net[o] += w[o][i] * pat[p][i]
        out[o] = math.tanh(net[o])


def clear():
    for o in range(NOUT):
        for i in range(NIN + 1):
            dw[o][i] = 0.0


def accumulate(p):
    err = 0.0
    for o in range(NOUT):
        d = tgt[p][o] - out[o]
        err += 0.5 * d * d
        delta[o] = d * (1.0 - out[o] * out[o])
        for i in range(NIN + 1):
            dw[o][i] += delta[o] * pat[p][i]
    return err


def change():
    for o in range(NOUT):
        for i in range(NIN + 1):
            old[o][i] = ETA * dw[o][i] + ALPHA * old[o][i]
            w[o][i] += old[o][i]


def main():
    fill()
    for cycle in range(MAXCYC):
        tss = 0.0
        clear()
        for p in range(NPAT):
            propagate(p)
            tss += accumulate(p)
        change()
        if cycle % 10 == 0:
            print("cycle %3d  tss %9.5f" % (cycle, tss))
        if tss < 0.5:
            print("done in cycle", cycle)
            break

    right = 0
    for p in range(NPAT):
        propagate(p)
        for o in range(NOUT):
            if out[o] * tgt[p][o] > 0.0:
                right += 1
    print("right: %d of %d" % (right, NPAT * NOUT))
    for o in range(NOUT):
        print("  ".join("%7.3f" % w[o][i] for i in range(NIN + 1)))


main()
