"""Tests of travio_inventory/ui: the seat map and the page that sells with it, in Chromium."""
