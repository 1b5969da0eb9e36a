"""Files of everything that cannot be made again, and the way back to Kafka. Why so: docs/adr/0029-backup.md."""
