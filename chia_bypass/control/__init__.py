"""What happens around a command: its sessions, dry runs, and a look at this machine."""
