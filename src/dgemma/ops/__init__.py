"""One function per operation of the network; every backend file has the same names and signatures.

`reference` is plain PyTorch, runs everywhere and is the oracle of the tests.
"""
