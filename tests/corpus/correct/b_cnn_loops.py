import numpy as np

'''
A tiny convnet: conv 3x3 -> relu -> maxpool 2 -> dense softmax.
Images are 10x10 pictures of bars (horizontal, vertical, diagonal).
Plain loops, one image at a time, every layer learns inside backprop().
'''


class Conv3x3:
    def __init__(self, num_filters):
        self.num_filters = num_filters
        self.filters = np.random.randn(num_filters, 3, 3) / 3
        self.bias = np.zeros(num_filters)

    def iterate_regions(self, image):
        h, w = image.shape
        for i in range(h - 2):
            for j in range(w - 2):
                yield image[i:(i + 3), j:(j + 3)], i, j

    def forward(self, input):
        self.last_input = input
        h, w = input.shape
        self.output = np.zeros((h - 2, w - 2, self.num_filters))
        for im_region, i, j in self.iterate_regions(input):
            self.output[i, j] = np.sum(im_region * self.filters, axis=(1, 2)) + self.bias
        return np.maximum(self.output, 0)

    def backprop(self, d_L_d_out, learn_rate):
        d_L_d_out = d_L_d_out * (self.output > 0)
        d_L_d_filters = np.zeros(self.filters.shape)
        d_L_d_bias = np.zeros(self.bias.shape)
        for im_region, i, j in self.iterate_regions(self.last_input):
            for f in range(self.num_filters):
                d_L_d_filters[f] += d_L_d_out[i, j, f] * im_region
                d_L_d_bias[f] += d_L_d_out[i, j, f]
        self.filters -= learn_rate * d_L_d_filters
        self.bias -= learn_rate * d_L_d_bias
        return None


class MaxPool2:
    def iterate_regions(self, image):
        h, w, _ = image.shape
        for i in range(h // 2):
            for j in range(w // 2):
                yield image[(i * 2):(i * 2 + 2), (j * 2):(j * 2 + 2)], i, j

    def forward(self, input):
        self.last_input = input
        h, w, num_filters = input.shape
        output = np.zeros((h // 2, w // 2, num_filters))
        for im_region, i, j in self.iterate_regions(input):
            output[i, j] = np.amax(im_region, axis=(0, 1))
        return output

    def backprop(self, d_L_d_out):
        d_L_d_input = np.zeros(self.last_input.shape)
        for im_region, i, j in self.iterate_regions(self.last_input):
            h, w, f = im_region.shape
            for f2 in range(f):
                i2, j2 = np.unravel_index(np.argmax(im_region[:, :, f2]), (h, w))
                d_L_d_input[i * 2 + i2, j * 2 + j2, f2] = d_L_d_out[i, j, f2]
        return d_L_d_input


class Softmax:
    def __init__(self, input_len, nodes):
        self.weights = np.random.randn(input_len, nodes) / input_len
        self.biases = np.zeros(nodes)

    def forward(self, input):
        self.last_input_shape = input.shape
        input = input.flatten()
        self.last_input = input
        totals = np.dot(input, self.weights) + self.biases
        exp = np.exp(totals - np.max(totals))
        self.probs = exp / np.sum(exp)
        return self.probs

    def backprop(self, label, learn_rate):
        d_L_d_t = np.zeros(self.probs.shape)
        for c in range(len(d_L_d_t)):
            d_L_d_t[c] = self.probs[c] - (1 if c == label else 0)
        old_weights = self.weights.copy()
        d_L_d_w = self.last_input[:, np.newaxis] @ d_L_d_t[np.newaxis]
        d_L_d_b = d_L_d_t
        self.weights -= learn_rate * d_L_d_w
        self.biases -= learn_rate * d_L_d_b
        d_L_d_inputs = old_weights @ d_L_d_t
        return d_L_d_inputs.reshape(self.last_input_shape)


def make_images(n):
    images, labels = np.zeros((n, 10, 10)), np.zeros(n, dtype=int)
    for k in range(n):
        c = k % 3
        pos = np.random.randint(2, 8)
        if c == 0:
            images[k, pos, :] = 1
        elif c == 1:
            images[k, :, pos] = 1
        else:
            images[k] = np.eye(10, k=pos - 5)
        labels[k] = c
    images += 0.1 * np.random.randn(n, 10, 10)
    return images - 0.1, labels


np.random.seed(1)
images, labels = make_images(60)
conv = Conv3x3(3)                 # 10x10x1 -> 8x8x3
pool = MaxPool2()                 # 8x8x3 -> 4x4x3
softmax = Softmax(4 * 4 * 3, 3)   # 4x4x3 -> 3


def forward(image, label):
    out = softmax.forward(pool.forward(conv.forward(image)))
    loss = -np.log(out[label])
    acc = 1 if np.argmax(out) == label else 0
    return out, loss, acc


def train(im, label, lr=.02):
    out, loss, acc = forward(im, label)
    gradient = softmax.backprop(label, lr)
    gradient = pool.backprop(gradient)
    gradient = conv.backprop(gradient, lr)
    return loss, acc


for epoch in range(2):
    loss, num_correct = 0, 0
    for i, (im, label) in enumerate(zip(images, labels)):
        l, acc = train(im, label)
        loss += l
        num_correct += acc
        if i % 30 == 29:
            print('[Epoch %d, image %d] average loss %.3f | accuracy %d%%'
                  % (epoch + 1, i + 1, loss / 30, num_correct * 100 / 30))
            loss, num_correct = 0, 0
