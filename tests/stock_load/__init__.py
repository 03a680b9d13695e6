"""Tests of the program that puts stock under load."""
