"""The auditor: what is recorded of a trip against what must be true of it; repairs by the protocol's own steps."""
