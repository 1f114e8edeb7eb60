"""How each training set is had: into the cache folder, by package name. Never needed at run time."""
