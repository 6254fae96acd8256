"""A jam once more, from its recording: the same again, byte for byte, or the same gig with another model."""
