from math import tanh

# y = |x|, by three tanh units in plain lists
points = [(-1.0 + 0.1 * k, abs(-1.0 + 0.1 * k)) for k in range(21)]
inner = [0.7] * 3
shift = [0.3] * 3
outer = [0.4] * 3
base = 0.0
pace = 0.02

for lap in range(150):
    total = 0.0
    for x, y in points:
        hidden = [tanh(inner[j] * x + shift[j]) for j in range(3)]
        error = sum(outer[j] * hidden[j] for j in range(3)) + base - y
        total += 0.5 * error ** 2
        for j in range(3):
            slope = error * outer[j] * (1 - hidden[j] ** 2)
            outer[j] -= pace * error * hidden[j]
            inner[j] -= pace * slope * x
            shift[j] -= pace * slope
        base -= pace * error
    if lap % 50 == 0:
        print(lap, total)
