"""The network's operations.

`reference` has all of them in plain PyTorch, runs everywhere and is the oracle of the tests; `cpu` and `cuda` have
faster ones for some, with weights laid out for them, `native` has compiled kernels. `model.py` and `linear` choose.
"""
