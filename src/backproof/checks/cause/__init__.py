"""From a blamed site to its cause: the edit under which the expression equals its true value.

`attempts` lists the explanations in the order in which they are tried; each is a function of what
is blamed, and a module holds those of one kind.
"""
