import numpy as np

np.random.seed(1)
n = 150
X = np.random.rand(n, 3)
grade = np.clip(np.round(1 + 3 * X.mean(axis=1) + 0.2 * np.random.randn(n)), 1, 4)
T = grade.reshape(n, 1)

W1 = np.random.randn(3, 8) * 0.5
b1 = np.zeros(8)
W2 = np.random.randn(8, 1) * 0.3
b2 = np.zeros(1)
lr = 0.05
for epoch in range(400):
    h = np.tanh(X @ W1 + b1)
    o = np.tanh(h @ W2 + b2)
    loss = ((o - T) ** 2).mean()
    do = 2 * (o - T) / n * (1 - o ** 2)
    dW2 = h.T @ do
    db2 = do.sum(0)
    dh = do @ W2.T * (1 - h ** 2)
    W1 -= lr * (X.T @ dh)
    b1 -= lr * dh.sum(0)
    W2 -= lr * dW2
    b2 -= lr * db2
print(loss)
