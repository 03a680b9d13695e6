"""Kills a process before and after everything that a step asks of a port, and judges what the next process finds.

`python -m verification.crash_points` visits every point on the embedded store, `--on cql` on real servers.
A scene is first played to its end: that counts what it asks, hence where it can be cut. Then it is played once for each
point, in a process that ends there by SIGKILL, and another process judges: what was acknowledged stands, asking again
tells the truth, nothing stays half done, every free cell can be won, every event is told.
"""
