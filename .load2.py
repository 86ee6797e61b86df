import sys, tempfile, pathlib, time
sys.path.insert(0,"/work/main"); sys.argv=sys.argv[:1]
exec(open("/work/main/.mem.py").read().split("n = int(")[0])
from bench import rows
from bench.servers import Floor, floor
from bench.guests import *
from contextlib import closing
from tests.live.host.private_libvirtd import private_libvirtd
import libvirt
base=pathlib.Path(tempfile.mkdtemp(prefix="vb",dir="/var/tmp")); base.chmod(0o755)
with private_libvirtd(base/"l") as dm, floor(base) as fs, closing(Floor(fs)) as bottom:
    con=libvirt.open(dm.uri)
    for k in range(1000): con.defineXML(qemu_guest(name_of(k),k))
    with virtcim(dm.uri, pathlib.Path("/var/tmp")) as s:
        time.sleep(2); print("start", s.memory)
        side=rows.Side(s,bottom,1000,5)
        sv=s.service
        list(rows.enumeration(side,"a",sv.enumerate("CIM_ComputerSystem"))); print("systems", s.memory)
        list(rows.enumeration(side,"a",sv.enumerate("CIM_ResourceAllocationSettingData"))); print("settings", s.memory)
        rows.single(side); print("single", s.memory)
        list(rows.variations(side)); print("variations", s.memory)
        rows.crowd(side, 4, 2); print("crowd", s.memory)
        rows.defining(side, con, "KVM"); print("defining", s.memory)
        time.sleep(2); print("after pause", s.memory)
        c=Connection(sv.target); checked(c.send(sv.enumerate("CIM_ComputerSystem"))); print("large", s.memory); time.sleep(2.5); print("trimmed", s.memory)
        smaps(s.process.pid)
