"""Everything wrong with a composed configuration, all at once, before torch is imported.

`configuration.problems` lists it, `configuration.require` raises it as one error. The signature of
what a node names is the schema of its arguments, read from source without importing it; `settings`
holds the schema of the rest.
"""
