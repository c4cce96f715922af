import numpy as np

np.random.seed(8)


class Conv3x3:
  # A convolution layer using 3x3 filters (stride 1, no padding), one input channel.

  def __init__(self, num_filters):
    self.num_filters = num_filters
    self.filters = np.random.randn(num_filters, 3, 3) / 3
    self.biases = np.zeros(num_filters)

  def iterate_regions(self, image):
    h, w = image.shape
    for i in range(h - 2):
      for j in range(w - 2):
        yield image[i:(i + 3), j:(j + 3)], i, j

  def forward(self, input):
    self.last_input = input
    h, w = input.shape
    output = np.zeros((h - 2, w - 2, self.num_filters))
    for im_region, i, j in self.iterate_regions(input):
      output[i, j] = np.sum(im_region * self.filters, axis=(1, 2)) + self.biases
    self.last_output = np.tanh(output)
    return self.last_output

  def backprop(self, d_L_d_out, learn_rate):
    d_L_d_pre = d_L_d_out * (1 - self.last_output ** 2)
    d_L_d_filters = np.zeros(self.filters.shape)
    d_L_d_biases = np.zeros(self.biases.shape)
    for im_region, i, j in self.iterate_regions(self.last_input):
      for f in range(self.num_filters):
        d_L_d_filters[f] += d_L_d_pre[i, j, f] * im_region
      d_L_d_biases += d_L_d_pre[i, j]
    self.filters -= learn_rate * d_L_d_filters
    self.biases -= learn_rate * d_L_d_biases
    # first layer of the net: nobody wants the gradient of the image
    return None


class MaxPool2:
  # A max pooling layer using a pool size of 2.

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
      amax = np.amax(im_region, axis=(0, 1))
      for i2 in range(h):
        for j2 in range(w):
          for f2 in range(f):
            # If this pixel was the max value, copy the gradient to it.
            if im_region[i2, j2, f2] == amax[f2]:
              d_L_d_input[i * 2 + i2, j * 2 + j2, f2] = d_L_d_out[i, j, f2]
    return d_L_d_input


class Softmax:
  # A fully-connected layer with softmax activation.

  def __init__(self, input_len, nodes):
    self.weights = np.random.randn(input_len, nodes) / input_len
    self.biases = np.zeros(nodes)

  def forward(self, input):
    self.last_input_shape = input.shape
    self.last_input = input.flatten()
    totals = np.dot(self.last_input, self.weights) + self.biases
    self.last_totals = totals
    exp = np.exp(totals)
    return exp / np.sum(exp, axis=0)

  def backprop(self, d_L_d_out, learn_rate):
    # We know only 1 element of d_L_d_out will be nonzero
    for i, gradient in enumerate(d_L_d_out):
      if gradient == 0:
        continue
      t_exp = np.exp(self.last_totals)
      S = np.sum(t_exp)
      d_out_d_t = -t_exp[i] * t_exp / (S ** 2)
      d_out_d_t[i] = t_exp[i] * (S - t_exp[i]) / (S ** 2)
      d_L_d_t = gradient * d_out_d_t
      d_L_d_inputs = self.weights @ d_L_d_t
      self.weights -= learn_rate * self.last_input[np.newaxis].T @ d_L_d_t[np.newaxis]
      self.biases -= learn_rate * d_L_d_t
      return d_L_d_inputs.reshape(self.last_input_shape)


# noisy 8x8 pictures of three shapes: bar, slash, cross
shapes = np.zeros((3, 8, 8))
shapes[0, 3:5, 1:7] = 1
shapes[1][np.arange(8), np.arange(8)] = 1
shapes[2] = np.maximum(np.roll(shapes[0], 1, 0), shapes[0].T)
labels = np.random.randint(0, 3, 30)
images = shapes[labels] - 0.5 + 0.25 * np.random.randn(30, 8, 8)

conv = Conv3x3(3)              # 8x8x1 -> 6x6x3
pool = MaxPool2()              # 6x6x3 -> 3x3x3
softmax = Softmax(3 * 3 * 3, 3)


def forward(image, label):
  out = softmax.forward(pool.forward(conv.forward(image)))
  return out, -np.log(out[label]), int(np.argmax(out) == label)


def train(im, label, lr=.05):
  out, loss, acc = forward(im, label)
  gradient = np.zeros(3)
  gradient[label] = -1 / out[label]
  gradient = softmax.backprop(gradient, lr)
  gradient = pool.backprop(gradient)
  conv.backprop(gradient, lr)
  return loss, acc


for epoch in range(3):
  results = [train(im, label) for im, label in zip(images, labels)]
  loss, num_correct = np.sum(results, axis=0)
  print('epoch %d: average loss %.3f, accuracy %d / 30' % (epoch + 1, loss / 30, num_correct))
