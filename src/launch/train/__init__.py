"""What trains: the worker, and what it builds from a finished configuration."""

from launch.train.on_demand import defer

defer()
