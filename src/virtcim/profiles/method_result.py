"""CIM_MethodResult: the call that a job came from, as indications of before it and after it would tell of it."""

from __future__ import annotations

from virtcim.broker.call import Instance, Path, Properties
from virtcim.broker.provider import Job, model_path, renamed
from virtcim.mapping import ids

PARAMETERS = "__MethodParameters"


def method_result(job: Job) -> Properties:
    """The call before, and once the job has ended with a return value, the call after."""
    before = _call(job, job.inputs, {"PreCall": True, "IndicationTime": job.started})
    properties: Properties = {
        "InstanceID": ids.own_id("method-result", job.id),
        "ElementName": job.method,
        "PreCallIndication": before,
    }
    if job.value is not None:
        after: Properties = {"PreCall": False, "IndicationTime": job.changed, "ReturnValue": str(job.value)}
        properties["PostCallIndication"] = _call(job, job.outputs, after)
    return properties


def _call(job: Job, parameters: Instance | None, more: Properties) -> Instance:
    properties: Properties = {"MethodName": job.method, **more}
    if parameters is not None:
        properties["MethodParameters"] = renamed(parameters, PARAMETERS)
    if isinstance(job.source, Path):
        properties["SourceInstance"] = Instance(job.source.classname, dict(job.source.keys))
        properties["SourceInstanceModelPath"] = model_path(job.source)
    return Instance("CIM_InstMethodCall", properties)
