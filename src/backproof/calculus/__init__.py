"""Derivatives: vector-Jacobian products for each operation, and sweeps over a tape."""
