"""Recording: the rewritten program, its events and the tape made of them."""
