import math, random

random.seed(5)
data = []
for _ in range(40):
    a, b = random.gauss(0, 30), random.gauss(0, 30)
    data.append((a, b, 1 if a - b > 0 else 0))

w0, w1, bias = 0.1, -0.1, 0.0


def squash(z):
    if z < -700:
        return 0.0
    return 1 / (1 + math.exp(-z))


for epoch in range(30):
    total = 0.0
    for a, b, t in data:
        y = squash(w0 * a + w1 * b + bias)
        total += -(t * math.log(y) + (1 - t) * math.log(1 - y))
        d = y - t
        w0 -= 0.5 * d * a
        w1 -= 0.5 * d * b
        bias -= 0.5 * d
    print(epoch, total / len(data))
