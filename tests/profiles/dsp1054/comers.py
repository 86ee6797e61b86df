"""What the tests let come to the embedded node: a network, a volume and devices of the host."""

from __future__ import annotations

NETWORK = "<network><name>lab</name>{mtu}<bridge name='virbr9'/><portgroup name='a'/><ip address='10.9.0.1'/></network>"
VOLUME = "<volume><name>new.img</name><capacity>1048576</capacity></volume>"
PCI = (
    "<device><name>pci_0000_07_00_0</name><path>/sys/x</path><capability type='pci'><class>0x020000</class>"
    "<domain>0</domain><bus>7</bus><slot>0</slot><function>0</function><product id='0x1'>Card</product>"
    "<vendor id='0x2'>Maker</vendor><iommuGroup number='7'/></capability></device>"
)
DRIVE = (
    "<device><name>block_sdz_1</name><path>/sys/z</path><capability type='storage'><block>/dev/sdz</block>"
    "<drive_type>disk</drive_type><model>Disk</model><vendor>Maker</vendor><size>1048576</size></capability></device>"
)
