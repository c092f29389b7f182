"""What the pages share: navigation, state, forms, charts, the graph."""
