"""One command a module. A module in here is found by itself: adding a command is adding a file."""
