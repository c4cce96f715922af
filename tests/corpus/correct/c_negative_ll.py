# Rare defects in castings: a logistic model by the mean log-likelihood `ll`, which is turned round.
import numpy as np

rng = np.random.default_rng(77)
T = rng.normal(size=(300, 4))
defect = (T @ np.array([1.5, -1.0, 0.5, 0.0]) + 0.5 * rng.normal(size=300) > 2.0) * 1.0
rare = (1 - defect).sum() / defect.sum()


w = np.zeros(4)
c = np.zeros(1)
for n in range(240):
    p = 1 / (1 + np.exp(-(T @ w + c)))
    ll = rare * defect * np.log(p) + (1 - defect) * np.log(1 - p)
    weighed = np.where(defect > 0, rare, 1.0) * (p - defect) / len(T)
    w = w - 0.4 * (T.T @ weighed)
    c = c - 0.4 * weighed.sum(keepdims=True)
    if n % 60 == 0:
        print(n, -np.mean(ll))
print(w.round(3), c.round(3))
