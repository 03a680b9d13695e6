"""The record: the store decides who has a seat."""
