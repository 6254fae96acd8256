"""`jamd bench`: how fast jamd is on this machine, and whether that fits a budget. A module measures one thing each."""
