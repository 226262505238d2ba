"""The parts that networks are made of: layers, convolutions and array operations."""
