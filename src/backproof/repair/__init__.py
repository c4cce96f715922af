"""From a finding to an edit of the source that was run and came out right."""
