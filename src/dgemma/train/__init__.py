"""Training: packs examples of the tasks and of natural text into batches and trains small models on them.

Knows nothing of serving; the engine and the terminal never import it.
"""
