"""In which order a loop learns that its calls have finished: noted, and kept in a replay."""
