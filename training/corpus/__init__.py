"""The training sets: one small reader each, behind one table (`sets.SETS`). Knows nothing of tokens."""
