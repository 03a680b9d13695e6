"""The edge: turns contenders away and serves seat maps; it may lose everything at any time."""
