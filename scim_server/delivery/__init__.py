"""What goes out: the worker that does what is due, e-mail, and the texts of it.

Stands on ``actions``, beside ``web``: neither imports the other.
"""
