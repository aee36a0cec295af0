"""Arrays in, arrays out: the compiled inner loops, each with a plain NumPy reference beside it."""
