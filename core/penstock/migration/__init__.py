"""From what somebody has of another program to a ``penstock.yml``."""
