"""A stand-in for Port: a server on a loopback port that speaks as much of its API as penstock uses, and is strict.

For tests and for trying things out: ``python -m penstock.demo.port`` runs one. What it knows of Port is published
behaviour; where that is silent, it refuses rather than accepts.
"""
