"""What a run is made of, found out by itself: code, data, environment, randomness, hardware, console."""
