"""The engine of a process, the companion actors of a job, and the facts that processes share."""
