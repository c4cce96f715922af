import numpy as np

np.random.seed(12)
hours = np.random.uniform(0, 24, (80, 1))
visits = np.random.poisson(np.exp(0.2 * hours))
theta = np.array([[35.0]])
intercept = 0.0
history = []
for it in range(100):
    eta = hours @ theta + intercept
    rate = np.exp(eta)
    nll = np.mean(rate - visits * eta)
    history.append(nll)
    g = (rate - visits) / len(hours)
    theta = theta - 0.05 * hours.T @ g
    intercept = intercept - 0.05 * g.sum()
print(history[-1])
