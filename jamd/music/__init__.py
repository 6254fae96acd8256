"""Words that every room shares: time, notes, events, plans, chords. Standard library only; knows no other room."""
