"""Stock: goods per stock keeping unit and warehouse."""
