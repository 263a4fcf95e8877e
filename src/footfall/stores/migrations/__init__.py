"""The history of the control store's tables. ``versions`` holds one file per step; steps are only ever added."""
