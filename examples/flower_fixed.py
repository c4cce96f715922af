"""The flower data again, with a network whose cost cannot turn into nan.

The first training has the settings of flower.py: 4 relu units, steps of 1.2, 4,000 of them. Its cost
is computed from the logits and its output delta is A - Y, without a quotient: it stays finite. Four
units cannot draw eight petals, though. The second training has more of them, and draws them.

    python flower_fixed.py [picture.png]
    backproof run --include backproof.nn flower_fixed.py

The second line verifies the gradients of backproof.nn, which is why the engine is the NumPy one:
compiled code cannot be watched.
"""
import sys

import numpy as np

from backproof.nn import BinaryClassifier
from backproof.nn.datasets import make_flower
from backproof.nn.plots import plot_decision_boundary

X, y = make_flower(random_state=1)  # the 400 points of flower.py

small = BinaryClassifier(hidden_layers=(4,), optimizer='gd', learning_rate=1.2, max_iter=4000,
                         engine='numpy', random_state=1)
small.fit(X, y)
assert np.all(np.isfinite(small.loss_curve_))
for epoch in range(0, 4000, 500):
    print('cost at %d iterations: %.4f' % (epoch, small.loss_curve_[epoch]))
print('4 relu units: %d of %d correct' % (np.sum(small.predict(X) == y), y.size))

large = BinaryClassifier(hidden_layers=(32, 32), activation='tanh', optimizer='adam',
                         learning_rate=0.01, max_iter=600, engine='numpy',
                         random_state=1)
large.fit(X, y)
print('32 + 32 tanh units: %d of %d correct' % (np.sum(large.predict(X) == y), y.size))
print('of 4,000 other points: %.1f %%' % (100 * large.score(*make_flower(4000, random_state=2))))

path = sys.argv[1] if len(sys.argv) > 1 else 'flower_fixed.png'
display = plot_decision_boundary(large, X, y)
display.ax_.set_aspect('equal')
display.figure_.savefig(path)
print('decision boundary: %s' % path)
