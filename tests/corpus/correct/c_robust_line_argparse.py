import argparse
import sys

import numpy as np


def parse(argv):
    parser = argparse.ArgumentParser(description="Fit a plane to data with outliers, with several losses.")
    parser.add_argument("--losses", nargs="+", default=["mse", "mae", "huber", "logcosh"])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--delta", type=float, default=1.0, help="where Huber's loss turns linear")
    parser.add_argument("--seed", type=int, default=17)
    return parser.parse_args(argv)


class Loss:
    def __init__(self, delta):
        self.delta = delta


class mse(Loss):
    def value(self, r):
        return np.mean(r ** 2)

    def slope(self, r):
        return 2 * r / r.size


class mae(Loss):
    def value(self, r):
        return np.mean(np.abs(r))

    def slope(self, r):
        return np.sign(r) / r.size


class huber(Loss):
    def value(self, r):
        d = self.delta
        return np.mean(np.where(np.abs(r) <= d, 0.5 * r ** 2, d * (np.abs(r) - 0.5 * d)))

    def slope(self, r):
        return np.clip(r, -self.delta, self.delta) / r.size


class logcosh(Loss):
    def value(self, r):
        return np.mean(np.log(np.cosh(r)))

    def slope(self, r):
        return np.tanh(r) / r.size


LOSSES = {cls.__name__: cls for cls in (mse, mae, huber, logcosh)}


def make_data(seed):
    rng = np.random.RandomState(seed)
    X = rng.randn(70, 3)
    y = X @ np.array([1.5, -2.0, 0.5]) + 0.7 + 0.2 * rng.randn(70)
    y[::9] += 8 * rng.rand(8)          # outliers, all on one side
    return X, y


def fit(X, y, loss, epochs, lr):
    w = np.zeros(X.shape[1])
    b = 0.0
    for epoch in range(epochs):
        residual = X @ w + b - y
        cost = loss.value(residual)
        g = loss.slope(residual)
        w = w - lr * (X.T @ g)
        b = b - lr * g.sum()
        if epoch % 20 == 0:
            print(f"  epoch {epoch:3d}  cost {cost:.5f}")
    return w, b


def main(argv=None):
    args = parse(argv)
    X, y = make_data(args.seed)
    for name in args.losses:
        print(name)
        w, b = fit(X, y, LOSSES[name](args.delta), args.epochs, args.lr)
        print("  w =", np.round(w, 3), " b =", round(float(b), 3))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
