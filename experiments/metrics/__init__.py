"""What a run is asked: one question a file. Each takes exact tables and snapshots, and returns plain numbers."""
