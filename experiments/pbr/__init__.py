"""Game textures to physically based materials, in phases from clean data to the game's own."""
