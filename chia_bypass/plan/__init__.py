"""What a recorded loop would meet on another cluster: would it fit, how long would it take."""
