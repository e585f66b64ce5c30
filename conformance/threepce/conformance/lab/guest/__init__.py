"""What runs inside the user-mode kernel: its first process and the SG_IO server."""
