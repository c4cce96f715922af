# Collaborative filtering of film ratings, X and Theta folded into one vector.
import numpy as np
import scipy.optimize as op


def unfold(params, num_users, num_movies, num_features):
    X = params[:num_movies * num_features].reshape((num_movies, num_features), order='F')
    Theta = params[num_movies * num_features:].reshape((num_users, num_features), order='F')
    return X, Theta


def cofi_cost_func(params, Y, R, num_users, num_movies, num_features, lamb):
    X, Theta = unfold(params, num_users, num_movies, num_features)

    errors = (X @ Theta.T - Y) * R
    J = 0.5 * np.sum(errors ** 2)
    J += (lamb / 2) * np.sum(Theta ** 2)
    J += (lamb / 2) * np.sum(X ** 2)

    X_grad = np.zeros(X.shape)
    Theta_grad = np.zeros(Theta.shape)

    for i in range(num_movies):
        idx = np.where(R[i, :] == 1)[0]
        Theta_tmp = Theta[idx, :]
        X_grad[i, :] = errors[i, idx] @ Theta_tmp + lamb * X[i, :]

    for j in range(num_users):
        idx = np.where(R[:, j] == 1)[0]
        X_tmp = X[idx, :]
        Theta_grad[j, :] = errors[idx, j] @ X_tmp + lamb * Theta[j, :]

    grad = np.hstack((X_grad.ravel(order='F'), Theta_grad.ravel(order='F')))
    return J, grad


rng = np.random.default_rng(8)
num_movies, num_users, num_features = 14, 9, 3
taste = rng.normal(size=(num_movies, 2)) @ rng.normal(size=(2, num_users))
Y = np.clip(np.round(3 + taste), 1, 5)
R = (rng.random((num_movies, num_users)) < 0.6).astype(int)
Ymean = (Y * R).sum(axis=1, keepdims=True) / np.maximum(R.sum(axis=1, keepdims=True), 1)
Ynorm = (Y - Ymean) * R

initial = rng.normal(size=num_features * (num_movies + num_users))
theta, value, info = op.fmin_l_bfgs_b(
    cofi_cost_func, initial, args=(Ynorm, R, num_users, num_movies, num_features, 1.5), maxiter=100)
X, Theta = unfold(theta, num_users, num_movies, num_features)
print('cost', round(float(value), 4), 'evaluations', info['funcalls'])
predictions = X @ Theta.T + Ymean
print('rms on known', np.sqrt((((predictions - Y) * R) ** 2).sum() / R.sum()).round(4))
