"""Transports: implementations of the `Nexus` protocol that reach engines outside this process."""
