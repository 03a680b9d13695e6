"""How much of everything a sale needs, from what a call was measured to cost: docs/capacity.md, and its picture."""
