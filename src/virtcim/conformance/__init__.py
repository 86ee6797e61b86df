"""A conformance suite for any WBEM server: one module a DSP, each numbered assertion one function of a Site."""
