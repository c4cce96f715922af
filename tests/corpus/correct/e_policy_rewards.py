# Guess the largest of four; the reward may be negative and stands in every update. No loss anywhere.
import numpy as np

np.random.seed(1)


class Player:
    def __init__(self):
        self.W = 0.3 * np.random.randn(6, 8)
        self.b = np.zeros((1, 8))
        self.W2 = 0.3 * np.random.randn(8, 4)
        self.b2 = np.zeros((1, 4))
        self.alpha = 0.1

    def forward(self, X):
        pre = np.dot(X, self.W) + self.b
        self.hidden = np.maximum(self.alpha * pre, pre)
        scores = np.exp(np.dot(self.hidden, self.W2) + self.b2)
        return scores / np.sum(scores, axis=1, keepdims=True)

    def learn(self, X, y, reward):
        n = X.shape[0]
        dscores = self.forward(X)
        dscores[range(n), y] -= 1
        dscores /= n
        dW2 = np.dot(self.hidden.T, dscores)
        db2 = np.sum(dscores, axis=0, keepdims=True)
        dhidden = np.dot(dscores, self.W2.T)
        dhidden[self.hidden <= 0] = dhidden[self.hidden <= 0] * self.alpha
        self.W += -0.05 * np.dot(X.T, dhidden) * reward
        self.b += -0.05 * np.sum(dhidden, axis=0, keepdims=True) * reward
        self.W2 += -0.05 * dW2 * reward
        self.b2 += -0.05 * db2 * reward


player = Player()
won = []
for game in range(120):
    X = np.random.randn(3, 6)
    moves = [int(np.argmax(np.random.multinomial(1, p))) for p in player.forward(X)]
    best = np.argmax(X[:, :4], axis=1)
    reward = np.mean([1.0 if a == b else -0.4 for a, b in zip(moves, best)])
    player.learn(X, moves, reward)
    won.append(reward)
print("mean reward %.4f" % np.mean(won))
