# a recurrent net that keeps a diary of its forward pass and reads it backwards
import numpy as np


class Diary:
    def __init__(self, inputs, units, seed=0):
        r = np.random.default_rng(seed)
        self.Wx = r.normal(size=(inputs, units)) / np.sqrt(inputs)
        self.Wh = r.normal(size=(units, units)) / np.sqrt(units)
        self.b = r.normal(size=units) * 0.1
        self.Wo = r.normal(size=units) / np.sqrt(units)
        self.bo = 0.05

    def run(self, xs):
        pages, h = [], np.zeros(self.b.shape)
        for x in xs:
            z = x @ self.Wx + h @ self.Wh + self.b
            pages.append({"x": x, "before": h, "after": np.tanh(z)})
            h = pages[-1]["after"]
        return pages, float(h @ self.Wo + self.bo)

    def read_back(self, pages, error):
        dWx, dWh, db = np.zeros_like(self.Wx), np.zeros_like(self.Wh), np.zeros_like(self.b)
        dh = error * self.Wo
        for page in reversed(pages):
            dz = dh * (1 - page["after"] ** 2)
            dWx += np.outer(page["x"], dz)
            dWh += np.outer(page["before"], dz)
            db += dz
            dh = self.Wh @ dz
        return {"Wx": dWx, "Wh": dWh, "b": db, "Wo": error * pages[-1]["after"], "bo": error}

    def step(self, grads, rate):
        for name, g in grads.items():
            setattr(self, name, getattr(self, name) - rate * g)


gen = np.random.default_rng(3)
net = Diary(3, 7)
for episode in range(150):
    xs = gen.normal(size=(5, 3))
    goal = np.sin(xs[:, 0].sum())
    pages, out = net.run(xs)
    loss = 0.5 * (out - goal) ** 2
    net.step(net.read_back(pages, out - goal), 0.05)
    if episode % 30 == 0:
        print(episode, round(loss, 5))
