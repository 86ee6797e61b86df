"""One module a profile (DSP): its instances, associations and methods."""
