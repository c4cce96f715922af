import numpy as np

np.random.seed(8)


class Module(object):
    def __init__(self):
        self.output = None
        self.gradInput = None

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []


class Sequential(Module):
    def __init__(self, *modules):
        super(Sequential, self).__init__()
        self.modules = list(modules)

    def forward(self, input):
        self.inputs = [input]
        for module in self.modules:
            self.inputs.append(module.updateOutput(self.inputs[-1]))
        return self.inputs[-1]

    def backward(self, gradOutput):
        for module, input in zip(self.modules[::-1], self.inputs[-2::-1]):
            module.accGradParameters(input, gradOutput)
            gradOutput = module.updateGradInput(input, gradOutput)
        return gradOutput

    def getParameters(self):
        return [p for m in self.modules for p in m.getParameters()]

    def getGradParameters(self):
        return [g for m in self.modules for g in m.getGradParameters()]


class Linear(Module):
    def __init__(self, n_in, n_out):
        super(Linear, self).__init__()
        stdv = 1. / np.sqrt(n_in)
        self.W = np.random.uniform(-stdv, stdv, size=(n_out, n_in))
        self.b = np.random.uniform(-stdv, stdv, size=n_out)
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)

    def updateOutput(self, input):
        self.output = np.add(input.dot(self.W.T), self.b)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput.dot(self.W)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradW[...] = gradOutput.T.dot(input)
        self.gradb[...] = np.sum(gradOutput, axis=0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]


class ELU(Module):
    def __init__(self, alpha=1.3):
        super(ELU, self).__init__()
        self.alpha = alpha

    def updateOutput(self, input):
        self.output = np.where(input > 0, input, self.alpha * (np.exp(input) - 1))
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.multiply(gradOutput, np.where(input > 0, 1.0, self.alpha * np.exp(input)))
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass


class LogSoftMax(ELU):
    def updateOutput(self, input):
        shifted = np.subtract(input, input.max(axis=1, keepdims=True))
        self.output = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
        return self.output

    def updateGradInput(self, input, gradOutput):
        total = np.sum(gradOutput, axis=1, keepdims=True)
        self.gradInput = gradOutput - np.exp(self.output) * total
        return self.gradInput


def nll(logp, onehot):
    return -np.sum(logp * onehot) / onehot.shape[0], -onehot / onehot.shape[0]


X = np.random.randn(90, 5)
label = (X[:, 0] > X[:, 1]).astype(int) + (X[:, 2] + X[:, 3] > 0.5)
Y = np.eye(3)[label]

net = Sequential(Linear(5, 7), ELU(), Linear(7, 7), ELU(0.8), Linear(7, 3), LogSoftMax())
history = []
for step in range(150):
    loss, dLoss = nll(net.forward(X), Y)
    net.backward(dLoss)
    for p, g in zip(net.getParameters(), net.getGradParameters()):
        p -= 0.5 * g
    history.append(loss)

print('loss %.4f -> %.4f' % (history[0], history[-1]))
