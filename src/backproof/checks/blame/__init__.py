"""Blame by replacement: the earliest expression whose true value repairs the wrong gradients.

For each source site of the backward pass, all the values it made in the step are replaced by the
cotangents that they should have been, and what follows is replayed. The fault is the first site
whose replacement makes wrong gradients right without spoiling a right one. `earliest` holds this
search, and each other module one thing that it needs to know.
"""
