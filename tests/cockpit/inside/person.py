"""Who is at Cockpit: may use sudo, and is not in the group koowatch."""

USER, PASSWORD = "koowatch-alice", "correct horse"
