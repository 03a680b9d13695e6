"""Kills a process before and after each call that a step makes to a port, and judges what the next process finds.

`python -m verification.crash_points` visits every point on the embedded store, `--on cql` on real servers. A scene is
first played to its end, which counts its calls and so the points at which it can be cut. Then it is played once for
each point, in a process that is killed there by SIGKILL, and another process judges: what was acknowledged is there, a
repeated call gets the truth, nothing stays half done, every free cell can be won, every event is published.
"""
