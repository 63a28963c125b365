"""Templates rendered once for each audited table."""
