"""What source files say of what a configuration names; nothing is imported."""
