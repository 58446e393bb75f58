"""Days and times of day as a wall clock shows them."""
