"""Speed, measured beside other programs that do the same work. Each module is one command."""
