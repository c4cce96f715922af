"""A controller for a microcontroller: flat lists, one sample at a time, weights change every sixth."""
import math

SEED = 4711
IN, HID, OUT, BATCH, RATE, MU = 3, 5, 2, 6, 0.8, 0.7


def noise():
    global SEED
    SEED = (SEED * 1103515245 + 12345) & 0x7FFFFFFF
    return SEED / 0x7FFFFFFF * 2 - 1


w_ih = [noise() * 0.6 for _ in range(IN * HID)]
w_ho = [noise() * 0.6 for _ in range(HID * OUT)]
b_h, b_o = [0.0] * HID, [0.0] * OUT
grads = [[0.0] * len(w) for w in (w_ih, w_ho, b_h, b_o)]
speeds = [[0.0] * len(w) for w in (w_ih, w_ho, b_h, b_o)]


def forward(x):
    hid, out = [0.0] * HID, [0.0] * OUT
    for j in range(HID):
        acc = b_h[j]
        for i in range(IN):
            acc += w_ih[i * HID + j] * x[i]
        hid[j] = acc / (1.0 + abs(acc))
    for k in range(OUT):
        acc = b_o[k]
        for j in range(HID):
            acc += w_ho[j * OUT + k] * hid[j]
        out[k] = 1.0 / (1.0 + math.exp(-acc))
    return hid, out


wrong = n = 0
for t in range(480):
    x = [noise(), noise(), noise()]
    target = [1.0 if x[0] + 0.5 * x[1] > 0.2 else 0.0, 1.0 if x[2] * x[2] > 0.3 else 0.0]
    hid, out = forward(x)
    wrong += (out[0] > 0.5) != (target[0] > 0.5)
    d_out = [0.0] * OUT
    for k in range(OUT):
        d_out[k] = (target[k] - out[k]) * out[k] * (1.0 - out[k])
        grads[3][k] += d_out[k]
    for j in range(HID):
        acc = 0.0
        for k in range(OUT):
            acc += d_out[k] * w_ho[j * OUT + k]
            grads[1][j * OUT + k] += d_out[k] * hid[j]
        slope = 1.0 - abs(hid[j])
        d_hid = acc * slope * slope
        grads[2][j] += d_hid
        for i in range(IN):
            grads[0][i * HID + j] += d_hid * x[i]
    n += 1
    if n == BATCH:
        for w, g, v in zip((w_ih, w_ho, b_h, b_o), grads, speeds):
            for k in range(len(w)):
                v[k] = MU * v[k] + RATE * g[k] / BATCH
                w[k] += v[k]
                g[k] = 0.0
        n = 0
    if t % 120 == 119:
        print(t + 1, "wrong alarms:", wrong)
        wrong = 0
