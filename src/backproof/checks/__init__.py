"""Judgements: gradients, faults and their causes, non-finite values, training."""
