"""Measures a model on music that trained nothing: bits a note beside baselines, and what it plays."""
