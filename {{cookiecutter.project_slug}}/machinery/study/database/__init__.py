"""The study's database: its tables, connections, participants and conditions."""
