import numpy as np
# Recommender: r_ui ~ mu + b_u + b_i + p_u . q_i   (biased matrix factorization, SGD over the ratings)

class BiasedMF():

    def __init__(self, R, K, alpha, beta, iterations):
        """
        Arguments
        - R (ndarray)   : user-item rating matrix, 0 = unknown
        - K (int)       : number of latent dimensions
        - alpha (float) : learning rate
        - beta (float)  : regularization parameter
        """
        self.R = R
        self.num_users, self.num_items = R.shape
        self.K = K
        self.alpha = alpha
        self.beta = beta
        self.iterations = iterations

    def train(self):
        self.P = np.random.normal(scale=1./self.K, size=(self.num_users, self.K))
        self.Q = np.random.normal(scale=1./self.K, size=(self.num_items, self.K))

        # Initialize the biases
        self.b_u = np.zeros(self.num_users)
        self.b_i = np.zeros(self.num_items)
        self.b = np.mean(self.R[np.where(self.R != 0)])

        # Create a list of training samples
        self.samples = [
            (i, j, self.R[i, j])
            for i in range(self.num_users)
            for j in range(self.num_items)
            if self.R[i, j] > 0
        ]

        training_process = []
        for i in range(self.iterations):
            np.random.shuffle(self.samples)
            self.sgd()
            training_process.append((i, self.objective()))
            if (i+1) % 10 == 0:
                print("Iteration: %d ; objective = %.4f ; rmse = %.4f" % (i+1, training_process[-1][1], self.rmse()))
        return training_process

    def rmse(self):
        xs, ys = self.R.nonzero()
        predicted = self.full_matrix()
        error = 0
        for x, y in zip(xs, ys):
            error += pow(self.R[x, y] - predicted[x, y], 2)
        return np.sqrt(error/len(xs))

    def objective(self):
        """ half the squared errors, every rating brings its own share of the penalty """
        total = 0
        for i, j, r in self.samples:
            e = r - self.get_rating(i, j)
            total += e**2/2
            total += self.beta/2 * (self.b_u[i]**2 + self.b_i[j]**2)
            total += self.beta/2 * (np.dot(self.P[i], self.P[i]) + np.dot(self.Q[j], self.Q[j]))
        return total

    def sgd(self):
        for i, j, r in self.samples:
            # Computer prediction and error
            prediction = self.get_rating(i, j)
            e = (r - prediction)

            # Update biases
            self.b_u[i] += self.alpha * (e - self.beta * self.b_u[i])
            self.b_i[j] += self.alpha * (e - self.beta * self.b_i[j])

            # Create copy of row of P since we need to update it but use older values for update on Q
            P_i = self.P[i, :].copy()

            # Update user and item latent feature matrices
            self.P[i, :] += self.alpha * (e * self.Q[j, :] - self.beta * self.P[i, :])
            self.Q[j, :] += self.alpha * (e * P_i - self.beta * self.Q[j, :])

    def get_rating(self, i, j):
        return self.b + self.b_u[i] + self.b_i[j] + self.P[i, :].dot(self.Q[j, :].T)

    def full_matrix(self):
        return self.b + self.b_u[:, np.newaxis] + self.b_i[np.newaxis, :] + self.P.dot(self.Q.T)


if __name__ == '__main__':
    np.random.seed(4)
    # 14 users, 10 films, two tastes, a third of the ratings is known
    taste = np.random.rand(14, 2)
    kind = np.random.rand(2, 10)
    R = np.clip(np.rint(4.5*taste.dot(kind) + 0.7*np.random.randn(14, 10) + 1), 1, 5)
    R[np.random.rand(14, 10) < 0.6] = 0

    mf = BiasedMF(R, K=3, alpha=0.1, beta=0.02, iterations=40)
    mf.train()
    print(np.round(mf.full_matrix()[:2], 2))
