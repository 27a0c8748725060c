"""What has become of a sweep, read from its folder: state, results, following, stopping."""
