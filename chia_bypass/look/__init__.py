"""Looking at recordings: listing, comparing, exporting, packing. Imports nothing they name."""
