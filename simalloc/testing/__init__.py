"""Whether a scheme keeps the rules that every allocator must keep."""
