import numpy as np

r = np.random.RandomState(84)
X, shape = r.randn(80, 3), (3, 5)
y = np.maximum(X[:, :1], 0) - np.maximum(-X[:, 1:2], 0)
model = dict(W1=np.full(shape, 0.2), b1=np.zeros(5), W2=np.full((5, 1), 0.2), b2=np.zeros(1))
for k in range(250):
    pre = X.dot(model['W1']) + model['b1']
    act = np.where(pre > 0, pre, 0)
    out = act.dot(model['W2']) + model['b2']
    loss = ((out - y) ** 2).mean()
    do = 2 * (out - y) / 80
    da = do.dot(model['W2'].T)
    dp = np.where(pre > 0, da, 0)
    model['W2'] = model['W2'] - 0.1 * act.T.dot(do)
    model['b2'] = model['b2'] - 0.1 * do.sum(0)
    model['W1'] = model['W1'] - 0.1 * X.T.dot(dp)
    model['b1'] = model['b1'] - 0.1 * dp.sum(0)
print(loss)
