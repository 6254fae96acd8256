"""Trains the model: corpus, batches, model, loop. Runs from the checkout; needs torch, jamd does not."""
