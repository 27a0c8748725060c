"""What trains: the worker, and what it builds from a finished configuration."""
