"""Each kind of rule that names instants, and the rules that combine others."""
