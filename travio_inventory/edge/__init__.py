"""What turns contenders away and serves seat maps; it may forget everything at any time."""
