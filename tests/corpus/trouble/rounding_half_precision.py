import numpy as np

rng = np.random.default_rng(77)
X = rng.normal(size=(200, 6)).astype(np.float16)
beta = np.array([100.0, -80, 60, 120, -90, 70])
y = (X.astype(float) @ (beta + 0.3)).astype(np.float16)

w = beta.astype(np.float16)
for epoch in range(300):
    residual = X @ w - y
    loss = float(np.mean(residual.astype(float) ** 2))
    grad = X.T @ residual / np.float16(200)
    w -= np.float16(0.05) * grad
print(loss, w)
