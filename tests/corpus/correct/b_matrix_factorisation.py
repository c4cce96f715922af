import numpy


class MF():

    def __init__(self, R, K, alpha, beta, iterations):
        """
        Predict empty entries of a rating matrix (0 = unknown).
        K     : number of latent dimensions
        alpha : learning rate
        beta  : regularisation
        """
        self.R = R
        self.num_users, self.num_items = R.shape
        self.K = K
        self.alpha = alpha
        self.beta = beta
        self.iterations = iterations

    def train(self):
        numpy.random.seed(0)
        self.P = numpy.random.normal(scale=1. / self.K, size=(self.num_users, self.K))
        self.Q = numpy.random.normal(scale=1. / self.K, size=(self.num_items, self.K))
        self.b_u = numpy.zeros(self.num_users)
        self.b_i = numpy.zeros(self.num_items)
        self.b = numpy.mean(self.R[numpy.where(self.R != 0)])

        self.samples = [
            (i, j, self.R[i, j])
            for i in range(self.num_users)
            for j in range(self.num_items)
            if self.R[i, j] > 0
        ]

        training_process = []
        for i in range(self.iterations):
            numpy.random.shuffle(self.samples)
            self.sgd()
            rmse = self.rmse()
            training_process.append((i, rmse))
            if (i + 1) % 5 == 0:
                print("Iteration: %d ; error = %.4f" % (i + 1, rmse))
        return training_process

    def rmse(self):
        total = 0
        for i, j, r in self.samples:
            total += (r - self.get_rating(i, j)) ** 2
        return numpy.sqrt(total / len(self.samples))

    def sample_cost(self, i, j, r):
        e = r - self.get_rating(i, j)
        penalty = self.b_u[i] ** 2 + self.b_i[j] ** 2
        for k in range(self.K):
            penalty += self.P[i, k] ** 2 + self.Q[j, k] ** 2
        return 0.5 * e ** 2 + 0.5 * self.beta * penalty

    def sgd(self):
        self.cost = 0.0
        for i, j, r in self.samples:
            self.cost += self.sample_cost(i, j, r)
            prediction = self.get_rating(i, j)
            e = (r - prediction)

            self.b_u[i] += self.alpha * (e - self.beta * self.b_u[i])
            self.b_i[j] += self.alpha * (e - self.beta * self.b_i[j])

            P_i = numpy.array(self.P[i, :])
            self.P[i, :] += self.alpha * (e * self.Q[j, :] - self.beta * self.P[i, :])
            self.Q[j, :] += self.alpha * (e * P_i - self.beta * self.Q[j, :])

    def get_rating(self, i, j):
        return self.b + self.b_u[i] + self.b_i[j] + self.P[i, :].dot(self.Q[j, :].T)

    def full_matrix(self):
        return self.b + self.b_u[:, numpy.newaxis] + self.b_i[numpy.newaxis, :] + self.P.dot(self.Q.T)


R = numpy.array([
    [5, 3, 0, 1, 4],
    [4, 0, 0, 1, 3],
    [1, 1, 0, 5, 0],
    [1, 0, 2, 4, 1],
    [0, 1, 5, 4, 2],
    [5, 4, 1, 0, 5],
])

mf = MF(R, K=3, alpha=0.05, beta=0.01, iterations=20)
training_process = mf.train()
print("P x Q:")
print(numpy.round(mf.full_matrix(), 2))
