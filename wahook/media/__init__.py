"""Files that messages carry: on the volume from the moment they are accepted or downloaded, for a time."""
