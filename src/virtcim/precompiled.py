"""`python -m virtcim.precompiled`: compiles the classes where they are installed, so that the first start need not."""

from __future__ import annotations

from virtcim import resources
from virtcim.broker.schema import compile_beside

if __name__ == "__main__":
    compile_beside(resources.mof_dir())
