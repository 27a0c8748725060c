"""Trainings one after the other, each from the best of those before it, with gates between."""
