#Making the imports
import numpy as np

#my first gradient descent!! fit a parabola  Y = a*X^2 + m*X + c  with three plain numbers

#Making some data
np.random.seed(45)
X = np.linspace(-2, 2, 50)
noise = np.random.normal(0, 0.3, size=(50, 1))
Y = 0.8 * X**2 - 1.1 * X + 0.4 + noise.flatten()

a = 0
m = 0
c = 0

L = 0.02  # The learning Rate
epochs = 150  # The number of iterations to perform gradient descent

n = float(len(X)) # Number of elements in X

#Performing Gradient Descent
for i in range(epochs):
    Y_pred = a*X**2 + m*X + c  # The current predicted value of Y
    error = np.mean((Y - Y_pred)**2)
    if i % 25 == 0:
        print("epoch", i, "error", error, "a", a, "m", m, "c", c)

    D_a = (-2/n) * sum(X**2 * (Y - Y_pred))  # Derivative wrt a
    D_m = (-2/n) * sum(X * (Y - Y_pred))  # Derivative wrt m
    D_c = (-2/n) * sum(Y - Y_pred)  # Derivative wrt c

    a = a - L * D_a  # Update a
    m = m - L * D_m  # Update m
    c = c - L * D_c  # Update c

print("final a, m, c:", a, m, c)

#How good is it
Y_pred = a*X**2 + m*X + c
ss_res = np.sum((Y - Y_pred)**2)
ss_tot = np.sum((Y - Y.mean())**2)
print("R squared:", 1 - ss_res/ss_tot)
