import math

# A 2-2-1 network spelled out with scalars. Predicts a letter from centred (weight, height).


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def deriv_sigmoid(x):
    fx = sigmoid(x)
    return fx * (1 - fx)


def mse_loss(ys, ps):
    return sum((a - b) ** 2 for a, b in zip(ys, ps)) / len(ys)


class TinyNetwork:
    def __init__(self):
        self.w1, self.w2, self.w3 = 0.3, -0.7, 0.9
        self.w4, self.w5, self.w6 = 0.4, -1.1, 0.6
        self.b1, self.b2, self.b3 = 0.1, -0.2, 0.05

    def feedforward(self, x):
        h1 = sigmoid(self.w1 * x[0] + self.w2 * x[1] + self.b1)
        h2 = sigmoid(self.w3 * x[0] + self.w4 * x[1] + self.b2)
        return sigmoid(self.w5 * h1 + self.w6 * h2 + self.b3)

    def train(self, data, answers, learn_rate=0.3, epochs=200):
        for epoch in range(epochs):
            for x, y_true in zip(data, answers):
                sum_h1 = self.w1 * x[0] + self.w2 * x[1] + self.b1
                h1 = sigmoid(sum_h1)
                sum_h2 = self.w3 * x[0] + self.w4 * x[1] + self.b2
                h2 = sigmoid(sum_h2)
                sum_o1 = self.w5 * h1 + self.w6 * h2 + self.b3
                y_pred = sigmoid(sum_o1)

                # dL/dy_pred
                d_L = -2 * (y_true - y_pred)

                # output neuron
                d_o1 = deriv_sigmoid(sum_o1)
                d_w5 = h1 * d_o1
                d_w6 = h2 * d_o1
                d_b3 = d_o1
                d_h1 = self.w5 * d_o1
                d_h2 = self.w6 * d_o1

                # hidden neuron 1
                d_w1 = x[0] * deriv_sigmoid(sum_h1)
                d_w2 = x[1] * deriv_sigmoid(sum_h1)
                d_b1 = deriv_sigmoid(sum_h1)

                # hidden neuron 2
                d_w3 = x[0] * deriv_sigmoid(sum_h2)
                d_w4 = x[1] * deriv_sigmoid(sum_h2)
                d_b2 = deriv_sigmoid(sum_h2)

                # update
                self.w1 -= learn_rate * d_L * d_h1 * d_w1
                self.w2 -= learn_rate * d_L * d_h1 * d_w2
                self.b1 -= learn_rate * d_L * d_h1 * d_b1
                self.w3 -= learn_rate * d_L * d_h2 * d_w3
                self.w4 -= learn_rate * d_L * d_h2 * d_w4
                self.b2 -= learn_rate * d_L * d_h2 * d_b2
                self.w5 -= learn_rate * d_L * d_w5
                self.w6 -= learn_rate * d_L * d_w6
                self.b3 -= learn_rate * d_L * d_b3

            if epoch % 50 == 0:
                preds = [self.feedforward(x) for x in data]
                print("Epoch %d loss: %.4f" % (epoch, mse_loss(answers, preds)))


people = [(-2.1, -1.3), (2.4, 0.7), (1.6, 0.3), (-1.4, -0.8), (0.3, -0.6), (-0.9, 0.2)]
letters = [1, 0, 0, 1, 0, 1]

network = TinyNetwork()
network.train(people, letters)
print("Emily: %.3f" % network.feedforward((-0.7, -0.3)))
print("Frank: %.3f" % network.feedforward((2.0, 0.2)))
