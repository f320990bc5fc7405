"""In which order a process learns that calls have finished: noted, and kept in a replay."""
