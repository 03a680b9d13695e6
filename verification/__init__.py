"""Programs that try to break the promises: simulation, chaos, attack, crash points; and the real servers that they
need.
"""
