"""
autograd on scalars in the fewest lines I could manage: every Value remembers its children and the local
derivative with respect to each of them, backward() is one line of chain rule over the sorted graph.
"""
import math
import random

random.seed(1337)


class Value:
    __slots__ = ('data', 'grad', '_children', '_local_grads')

    def __init__(self, data, children=(), local_grads=()):
        self.data = data
        self.grad = 0
        self._children = children
        self._local_grads = local_grads

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1, 1))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, other): return Value(self.data**other, (self,), (other * self.data**(other-1),))
    def log(self): return Value(math.log(self.data), (self,), (1/self.data,))
    def exp(self): return Value(math.exp(self.data), (self,), (math.exp(self.data),))
    def relu(self): return Value(max(0, self.data), (self,), (float(self.data > 0),))
    def __neg__(self): return self * -1
    def __radd__(self, other): return self + other
    def __sub__(self, other): return self + (-other)
    def __rsub__(self, other): return other + (-self)
    def __rmul__(self, other): return self * other
    def __truediv__(self, other): return self * other**-1

    def backward(self):
        topo, visited = [], set()
        def build_topo(v):
            if v not in visited:
                visited.add(v)
                for child in v._children:
                    build_topo(child)
                topo.append(v)
        build_topo(self)
        self.grad = 1
        for v in reversed(topo):
            for child, local_grad in zip(v._children, v._local_grads):
                child.grad += local_grad * v.grad


def matrix(nout, nin, std=0.5):
    return [[Value(random.gauss(0, std)) for _ in range(nin)] for _ in range(nout)]


def linear(x, w, b):
    return [sum((wi * xi for wi, xi in zip(wo, x)), bo) for wo, bo in zip(w, b)]


def softmax(logits):
    max_val = max(val.data for val in logits)
    exps = [(val - max_val).exp() for val in logits]
    total = sum(exps)
    return [e / total for e in exps]


# two features, three classes: which third of the circle?
def sample():
    angle = random.uniform(0, 2 * math.pi)
    radius = random.uniform(0.5, 1.5)
    return [radius * math.cos(angle), radius * math.sin(angle)], int(angle * 3 / (2 * math.pi))

state = {'w1': matrix(6, 2), 'b1': matrix(1, 6, 0.0)[0], 'w2': matrix(3, 6), 'b2': matrix(1, 3, 0.0)[0]}
params = [p for name in ('w1', 'w2') for row in state[name] for p in row] + state['b1'] + state['b2']
print(f"num params: {len(params)}")

docs = [sample() for _ in range(120)]
num_steps, batch_size = 24, 12
for step in range(num_steps):
    batch = [docs[(step * batch_size + i) % len(docs)] for i in range(batch_size)]
    losses = []
    for x, label in batch:
        h = [v.relu() for v in linear(x, state['w1'], state['b1'])]
        probs = softmax(linear(h, state['w2'], state['b2']))
        losses.append(-probs[label].log())
    reg = sum(p**2 for p in params) * 1e-3
    loss = sum(losses) / batch_size + reg

    for p in params:
        p.grad = 0
    loss.backward()

    lr_t = 0.12 * (1 - step / num_steps)   # linear decay
    for p in params:
        p.data -= lr_t * p.grad
    if step % 5 == 0:
        print(f"step {step+1:3d} / {num_steps:3d} | loss {loss.data:.4f}")

right = 0
for x, label in docs:
    logits = linear([v.relu() for v in linear(x, state['w1'], state['b1'])], state['w2'], state['b2'])
    right += max(range(3), key=lambda k: logits[k].data) == label
print(f"accuracy {right / len(docs):.3f}")
