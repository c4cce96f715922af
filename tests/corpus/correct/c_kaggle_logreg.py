# %% [code]
import numpy as np # linear algebra
np.random.seed(2018)

# %% [markdown]
# ## Heart disease (synthetic copy, because the competition data is not public)

# %% [code]
n_patients = 220
age = np.random.normal(54, 9, n_patients)
chol = np.random.normal(246, 51, n_patients)
thalach = 210 - 1.1*age + np.random.normal(0, 12, n_patients)
sex = (np.random.rand(n_patients) > 0.32).astype(float)
risk = 0.06*(age - 54) + 0.008*(chol - 246) - 0.04*(thalach - 150) + 0.9*sex - 0.5
target = (np.random.rand(n_patients) < 1/(1 + np.exp(-risk))).astype(float)

x_data = np.column_stack((age, chol, thalach, sex))
y = target

# %% [code]
# Normalize
x = (x_data - np.min(x_data, axis=0))/(np.max(x_data, axis=0) - np.min(x_data, axis=0))

# 80% train, 20% test
order = np.random.permutation(n_patients)
cut = int(n_patients*0.8)
x_train, x_test = x[order[:cut]], x[order[cut:]]
y_train, y_test = y[order[:cut]], y[order[cut:]]

# transpose matrices: one patient per column
x_train = x_train.T
x_test = x_test.T
y_train = y_train.reshape(1, -1)
y_test = y_test.reshape(1, -1)
print("x_train", x_train.shape, "y_train", y_train.shape)

# %% [code]
def initialize(dimension):
    weight = np.full((dimension, 1), 0.01)
    bias = 0.0
    return weight, bias

def sigmoid(z):
    y_head = 1/(1 + np.exp(-z))
    return y_head

# %% [code]
def forwardBackward(weight, bias, x_train, y_train, C):
    # Forward
    y_head = sigmoid(np.dot(weight.T, x_train) + bias)
    loss = -(y_train*np.log(y_head) + (1-y_train)*np.log(1-y_head))
    cost = (np.sum(loss) + np.sum(weight**2)/(2*C))/x_train.shape[1]

    # Backward
    derivative_weight = (np.dot(x_train, (y_head-y_train).T) + weight/C)/x_train.shape[1]
    derivative_bias = np.sum(y_head-y_train)/x_train.shape[1]
    gradients = {"Derivative Weight": derivative_weight, "Derivative Bias": derivative_bias}
    return cost, gradients

# %% [code]
def update(weight, bias, x_train, y_train, iteration, learningRate, C):
    costList = []
    index = []
    # for each iteration, update weight and bias values
    for i in range(iteration):
        cost, gradients = forwardBackward(weight, bias, x_train, y_train, C)
        weight = weight - learningRate*gradients["Derivative Weight"]
        bias = bias - learningRate*gradients["Derivative Bias"]
        costList.append(cost)
        index.append(i)
    parameters = {"weight": weight, "bias": bias}
    print("iteration:", iteration)
    print("cost:", cost)
    return parameters, costList, index

def predict(weight, bias, x_test):
    y_head = sigmoid(np.dot(weight.T, x_test) + bias)
    y_prediction = np.zeros((1, x_test.shape[1]))
    for i in range(y_head.shape[1]):
        if y_head[0, i] <= 0.5:
            y_prediction[0, i] = 0
        else:
            y_prediction[0, i] = 1
    return y_prediction

# %% [code]
def logistic_regression(x_train, y_train, x_test, y_test, learningRate, iteration, C=1.0):
    weight, bias = initialize(x_train.shape[0])
    parameters, costList, index = update(weight, bias, x_train, y_train, iteration, learningRate, C)
    y_prediction = predict(parameters["weight"], parameters["bias"], x_test)
    print("Manuel Test Accuracy: {:.2f}%".format(100 - np.mean(np.abs(y_prediction - y_test))*100))
    return parameters, costList

# %% [code]
parameters, costList = logistic_regression(x_train, y_train, x_test, y_test, 1, 300)
for i in range(0, 300, 60):
    print(i, round(costList[i], 6))
print(parameters["weight"].ravel().round(3), round(parameters["bias"], 3))
