"""DSP1047 Storage Resource Virtualization: the pools of storage, and the disks of virtual systems made from them.

What is asked of disks comes through the management service of DSP1042: see dsp1047_requests.
"""

from __future__ import annotations

from virtcim.broker.provider import Profile
from virtcim.profiles import dsp1047_host, images_resumption, storage_resumption
from virtcim.profiles.pools import StoragePool

profile = Profile("dsp1047")
profile.central("CIM_ResourcePool", StoragePool)
dsp1047_host.declare(profile)
profile.resumes(storage_resumption.POOL, storage_resumption.resume_pool)
profile.resumes(storage_resumption.VOLUMES, storage_resumption.resume_volumes)
profile.resumes(images_resumption.COPY, images_resumption.resume_copy)
profile.resumes(images_resumption.MERGE, images_resumption.resume_merge)
