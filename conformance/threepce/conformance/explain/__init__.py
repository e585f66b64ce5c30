"""`3pce explain`: what some bytes say, field by field, and what a failed copy means in words."""
