"""The list of members is what it says, and found by indexes."""
