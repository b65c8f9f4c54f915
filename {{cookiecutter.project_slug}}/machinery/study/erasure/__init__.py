"""One person's data: found, copied for them, and removed from everywhere within reach."""
