import numpy as np

# a slightly longer cousin of the famous tiny network: three weight layers, no bias but a constant input


def nonlin(x, deriv=False):
    if (deriv == True):
        return x*(1-x)      # x is already the output of the sigmoid here
    return 1/(1+np.exp(-x))


# input: three switches and a constant
X = np.array([[0,0,0,1],
              [0,0,1,1],
              [0,1,0,1],
              [0,1,1,1],
              [1,0,0,1],
              [1,0,1,1],
              [1,1,0,1]])

# output: exactly one of the first two switches is on
y = np.array([[0,0,1,1,1,1,0]]).T

np.random.seed(1)

# initialize weights randomly with mean 0
syn0 = 2*np.random.random((4,5)) - 1
syn1 = 2*np.random.random((5,5)) - 1
syn2 = 2*np.random.random((5,1)) - 1

for j in range(4000):

    # forward propagation
    l0 = X
    l1 = nonlin(np.dot(l0,syn0))
    l2 = nonlin(np.dot(l1,syn1))
    l3 = nonlin(np.dot(l2,syn2))

    # how much did we miss?
    l3_error = y - l3
    if (j % 1000) == 0:
        print("Error:" + str(np.mean(np.abs(l3_error))))

    # multiply how much we missed by the slope of the sigmoid
    l3_delta = l3_error*nonlin(l3,deriv=True)

    l2_error = l3_delta.dot(syn2.T)
    l2_delta = l2_error*nonlin(l2,deriv=True)

    l1_error = l2_delta.dot(syn1.T)
    l1_delta = l1_error * nonlin(l1,deriv=True)

    syn2 += l2.T.dot(l3_delta)
    syn1 += l1.T.dot(l2_delta)
    syn0 += l0.T.dot(l1_delta)

print("Output After Training:")
print(l3)
