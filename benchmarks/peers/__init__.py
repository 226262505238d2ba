"""Does the same work by other libraries."""
