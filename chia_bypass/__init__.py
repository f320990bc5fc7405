"""Record a CHIA loop once, replay it on Ray without paying for the work again."""
