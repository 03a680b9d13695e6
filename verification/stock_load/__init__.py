"""Stock under load: how long calls take with many live reservations, and that no unit is sold twice under chaos."""
