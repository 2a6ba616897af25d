"""The network's operations.

reference            all of them in plain PyTorch; runs everywhere, and is the oracle of the tests
linear, experts      lay out weights for the machine and choose the product
vocabulary_products  products with the embedding, a block of the vocabulary at a time
cpu_norms            faster norms on a CPU
cuda                 grouped and fp8 products, and the vocabulary head on CUDA (vocabulary_kernel: its Triton kernel)
native               compiled CPU kernels
fused_kernels        decides whether all layers, or the head, run as one compiled call
"""
