"""What several scenarios need of pictures, tiles and model files, each written once."""
