"""Regions of interest by masks that are sampled while they are learnt."""
