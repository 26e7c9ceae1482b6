"""One file per paper: its tables and figures on any dataset."""
