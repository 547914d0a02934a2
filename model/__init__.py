"""What must hold of a session-affine process pool, written apart from any pool."""
