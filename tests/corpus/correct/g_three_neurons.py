import numpy as np

# two inputs, two hidden neurons, one output; every derivative written out by hand


def act(v):
    return 1 / (1 + np.exp(-v))


def slope(v):
    s = act(v)
    return s * (1 - s)


class ThreeNeurons:
    def __init__(self, seed):
        r = np.random.default_rng(seed)
        self.w = r.normal(size=6)
        self.b = r.normal(size=3)

    def answer(self, x):
        p = act(self.w[0] * x[0] + self.w[1] * x[1] + self.b[0])
        q = act(self.w[2] * x[0] + self.w[3] * x[1] + self.b[1])
        return act(self.w[4] * p + self.w[5] * q + self.b[2])

    def learn(self, people, truth, rate=0.1, rounds=120):
        for turn in range(rounds):
            for x, t in zip(people, truth):
                net_p = self.w[0] * x[0] + self.w[1] * x[1] + self.b[0]
                p = act(net_p)
                net_q = self.w[2] * x[0] + self.w[3] * x[1] + self.b[1]
                q = act(net_q)
                net_o = self.w[4] * p + self.w[5] * q + self.b[2]
                o = act(net_o)

                d_loss = -2 * (t - o)
                o_by_w4 = p * slope(net_o)
                o_by_w5 = q * slope(net_o)
                o_by_b2 = slope(net_o)
                o_by_p = self.w[4] * slope(net_o)
                o_by_q = self.w[5] * slope(net_o)
                p_by_w0 = x[0] * slope(net_p)
                p_by_w1 = x[1] * slope(net_p)
                p_by_b0 = slope(net_p)
                q_by_w2 = x[0] * slope(net_q)
                q_by_w3 = x[1] * slope(net_q)
                q_by_b1 = slope(net_q)

                self.w[0] -= rate * d_loss * o_by_p * p_by_w0
                self.w[1] -= rate * d_loss * o_by_p * p_by_w1
                self.b[0] -= rate * d_loss * o_by_p * p_by_b0
                self.w[2] -= rate * d_loss * o_by_q * q_by_w2
                self.w[3] -= rate * d_loss * o_by_q * q_by_w3
                self.b[1] -= rate * d_loss * o_by_q * q_by_b1
                self.w[4] -= rate * d_loss * o_by_w4
                self.w[5] -= rate * d_loss * o_by_w5
                self.b[2] -= rate * d_loss * o_by_b2
            if turn % 40 == 0:
                guesses = np.array([self.answer(x) for x in people])
                print(turn, "loss %.4f" % ((truth - guesses) ** 2).mean())


people = np.array([[-1.2, -0.7], [2.5, 1.1], [1.9, 0.6], [-1.6, -0.9], [-0.8, 0.4]])
truth = np.array([1, 0, 0, 1, 1])
ThreeNeurons(5).learn(people, truth)
