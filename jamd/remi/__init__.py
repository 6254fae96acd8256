"""The language: REMI tokens for live playing. Knows `jamd.music` and the standard library (and NumPy for masks)."""
