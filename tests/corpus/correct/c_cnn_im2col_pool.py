# -*- coding: utf-8 -*-
"""
Small convnet with im2col / col2im and a layer registry (OrderedDict), written after reading a Japanese textbook.
Network: conv - relu - pool - conv - relu - affine - softmax
"""
from collections import OrderedDict

import numpy as np


def im2col(x, fh, fw, stride=1, pad=0):
    N, C, H, W = x.shape
    oh = (H + 2*pad - fh)//stride + 1
    ow = (W + 2*pad - fw)//stride + 1
    img = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)], 'constant')
    col = np.zeros((N, C, fh, fw, oh, ow))
    for y in range(fh):
        for x_ in range(fw):
            col[:, :, y, x_, :, :] = img[:, :, y:y + stride*oh:stride, x_:x_ + stride*ow:stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(N*oh*ow, -1)


def col2im(col, shape, fh, fw, stride=1, pad=0):
    N, C, H, W = shape
    oh = (H + 2*pad - fh)//stride + 1
    ow = (W + 2*pad - fw)//stride + 1
    col = col.reshape(N, oh, ow, C, fh, fw).transpose(0, 3, 4, 5, 1, 2)
    img = np.zeros((N, C, H + 2*pad + stride - 1, W + 2*pad + stride - 1))
    for y in range(fh):
        for x_ in range(fw):
            img[:, :, y:y + stride*oh:stride, x_:x_ + stride*ow:stride] += col[:, :, y, x_, :, :]
    return img[:, :, pad:H + pad, pad:W + pad]


class Relu:
    def forward(self, x):
        self.mask = (x <= 0)
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dout[self.mask] = 0
        return dout


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.shape = x.shape
        self.x = x.reshape(x.shape[0], -1)
        return np.dot(self.x, self.W) + self.b

    def backward(self, dout):
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return np.dot(dout, self.W.T).reshape(*self.shape)


class Convolution:
    def __init__(self, W, b, stride=1, pad=0):
        self.W, self.b, self.stride, self.pad = W, b, stride, pad

    def forward(self, x):
        FN, C, FH, FW = self.W.shape
        N, C, H, W = x.shape
        out_h = (H + 2*self.pad - FH)//self.stride + 1
        out_w = (W + 2*self.pad - FW)//self.stride + 1
        self.x = x
        self.col = im2col(x, FH, FW, self.stride, self.pad)
        self.col_W = self.W.reshape(FN, -1).T
        out = np.dot(self.col, self.col_W) + self.b
        return out.reshape(N, out_h, out_w, -1).transpose(0, 3, 1, 2)

    def backward(self, dout):
        FN, C, FH, FW = self.W.shape
        dout = dout.transpose(0, 2, 3, 1).reshape(-1, FN)
        self.db = np.sum(dout, axis=0)
        self.dW = np.dot(self.col.T, dout).transpose(1, 0).reshape(FN, C, FH, FW)
        return col2im(np.dot(dout, self.col_W.T), self.x.shape, FH, FW, self.stride, self.pad)


class Pooling:
    def forward(self, x):
        N, C, H, W = x.shape
        self.x = x
        col = im2col(x, 2, 2, stride=2).reshape(-1, 4)
        self.arg_max = np.argmax(col, axis=1)
        return np.max(col, axis=1).reshape(N, H//2, W//2, C).transpose(0, 3, 1, 2)

    def backward(self, dout):
        dout = dout.transpose(0, 2, 3, 1)
        dmax = np.zeros((dout.size, 4))
        dmax[np.arange(self.arg_max.size), self.arg_max.flatten()] = dout.flatten()
        return col2im(dmax.reshape(dout.shape[0]*dout.shape[1]*dout.shape[2], -1), self.x.shape, 2, 2, stride=2)


class SoftmaxWithLoss:
    def forward(self, x, t):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.t, self.y = t, e / e.sum(axis=1, keepdims=True)
        return -np.sum(np.log(self.y[np.arange(len(t)), t] + 1e-7)) / len(t)

    def backward(self):
        dx = self.y.copy()
        dx[np.arange(len(self.t)), self.t] -= 1
        return dx / len(self.t)


if __name__ == '__main__':
    np.random.seed(1984)
    t_train = np.random.randint(0, 4, 64)
    x_train = 0.4*np.random.randn(64, 1, 8, 8)
    for k in range(64):                    # a bright square in one of the four quarters
        x_train[k, 0, 4*(t_train[k]//2):, 4*(t_train[k] % 2):][:4, :4] += 1
    p = {'W1': 0.3*np.random.randn(4, 1, 3, 3), 'b1': np.zeros(4), 'W2': 0.2*np.random.randn(5, 4, 3, 3),
         'b2': np.zeros(5), 'W3': 0.2*np.random.randn(20, 4), 'b3': np.zeros(4)}
    net = OrderedDict(Conv1=Convolution(p['W1'], p['b1'], pad=1), Relu1=Relu(), Pool1=Pooling(),
                      Conv2=Convolution(p['W2'], p['b2'], stride=2, pad=1), Relu2=Relu(), Affine=Affine(p['W3'], p['b3']))
    last = SoftmaxWithLoss()
    for step in range(40):
        batch = np.random.choice(64, 16)
        x = x_train[batch]
        for layer in net.values():
            x = layer.forward(x)
        loss = last.forward(x, t_train[batch])
        dout = last.backward()
        for layer in reversed(net.values()):
            dout = layer.backward(dout)
        for i, name in enumerate(['Conv1', 'Conv2', 'Affine'], start=1):
            p['W%d' % i] -= 0.3*net[name].dW
            p['b%d' % i] -= 0.3*net[name].db
        if step % 10 == 0:
            print('step:%d, train loss:%.4f, train acc:%.3f' % (step, loss, np.mean(x.argmax(axis=1) == t_train[batch])))
