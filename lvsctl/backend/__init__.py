"""What visitors get when no real server can answer: the sorry backend, its page, and the nginx site for those who prefer it."""
