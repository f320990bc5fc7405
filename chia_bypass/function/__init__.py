"""The ChiaFunction of this project."""
