"""Training: reads natural text, packs examples and fits small models.

Knows nothing of serving; the engine and the terminal never import it.
"""
