"""Bootstrap intervals with classes as the unit, and figures by group."""
