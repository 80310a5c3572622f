"""The words everything else is said in: frozen values, no decisions."""
