"""What networks are made of: convolutions and array operations."""
