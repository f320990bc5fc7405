"""What a recording, or two, or a replay tell: trees, differences, charts and exports of them."""
