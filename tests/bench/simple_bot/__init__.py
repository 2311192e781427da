"""A simple bot without the product's guarantees, for comparison."""
