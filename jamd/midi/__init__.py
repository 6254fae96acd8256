"""The wire: MIDI ports, thru, the player, the recording. Knows the words of `jamd.music`; never thinks."""
