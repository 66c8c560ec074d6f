#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make data/oui.tsv from the IEEE registry: the makers that occur in laboratories and hospitals.

    tools/oui.py /usr/share/ieee-data/oui.csv VERSION > data/oui.tsv

VERSION is that of the Debian package ieee-data. Run by hand when the package is renewed; the build
reads the table only. The right column is the maker's usual name; where one company has been taken
over, the name on the device is kept.
"""
import csv
import re
import sys

# Usual name: pattern at the start of the registered name, case ignored.
MAKERS = [
    # serial servers and industrial networks
    ("Moxa", r"moxa"), ("Lantronix", r"lantronix|pronet gmbh"), ("Digi", r"digi international|digiboard"),
    ("Perle", r"perle systems"), ("Sena", r"sena technologies"), ("ATOP", r"atop (corporation|technologies)"),
    ("Silex", r"silex technology"), ("WIZnet", r"wiznet"), ("B&B Electronics", r"b&b electronics"),
    ("Advantech", r"advantech"), ("Westermo", r"westermo"), ("Hirschmann", r"hirschmann automation|belden hirschmann"),
    ("Phoenix Contact", r"phoenix contact"), ("Brainboxes", r"brainboxes"), ("HMS", r"hms industrial"),
    ("Beckhoff", r"beckhoff"), ("WAGO", r"wago kontakt"), ("Siemens", r"siemens (ag|numerical|industrial|automation)"),
    ("Schneider Electric", r"schneider electric|telemecanique|square d"), ("Rockwell", r"rockwell automation"),
    ("Honeywell", r"honeywell(?!-dating)"), ("Johnson Controls", r"johnson controls"), ("Espressif", r"espressif"),
    ("Microchip", r"microchip tech"), ("Raspberry Pi", r"raspberry pi"),
    # analyzers, instruments, point of care
    ("Roche", r"roche"), ("Abbott", r"abbott"), ("Beckman Coulter", r"beckman"), ("Sysmex", r"sysmex"),
    ("HORIBA", r"horiba"), ("Mindray", r"mindray|shenzhen mindray"), ("Cepheid", r"cepheid"),
    ("bioMérieux", r"biom[eé]rieux"), ("Siemens Healthineers", r"siemens health|siemens medical"),
    ("Bio-Rad", r"bio-rad"), ("BD", r"becton|carefusion|alaris medical"), ("Thermo Fisher", r"thermo (fisher|electron)|thermoquest"),
    ("Agilent", r"agilent"), ("Waters", r"waters div"), ("Shimadzu", r"shimadzu"), ("PerkinElmer", r"perkin-?elmer"),
    ("Hamilton", r"hamilton bonaduz"), ("Tecan", r"tecan"), ("Eppendorf", r"eppendorf"), ("Sartorius", r"sartorius"),
    ("Mettler-Toledo", r"mettler-toledo"), ("Bruker", r"bruker"), ("Leica", r"leica (micro|bio)"),
    ("Olympus", r"olympus"), ("Hitachi High-Tech", r"hitachi high"), ("EKF", r"ekf elektronik"),
    ("HemoCue", r"hemocue"), ("Ascensia", r"ascensia"), ("Nipro", r"nipro diag"), ("Orion Diagnostica", r"orion diagnostica"),
    ("Illumina", r"illumina"), ("Nihon Kohden", r"nihon kohden"), ("Radiometer", r"radiometer"), ("ARKRAY", r"arkray"),
    # patient monitors, infusion, imaging
    ("GE Healthcare", r"ge (healthcare|medical)|general electric (co|corp).*health|ge marquette"),
    ("Philips", r"philips (medical|health|patient)"), ("Dräger", r"dr(ä|ae)ger"), ("Baxter", r"baxter"),
    ("B. Braun", r"b\.? ?braun"), ("Fresenius", r"fresenius"), ("ICU Medical", r"icu medical"), ("Smiths Medical", r"smiths medical"),
    ("Hospira", r"hospira"), ("Medtronic", r"medtronic"), ("Masimo", r"masimo"), ("Nonin", r"nonin"), ("Welch Allyn", r"welch allyn"),
    ("Spacelabs", r"spacelabs"), ("Hillrom", r"hill-rom"), ("Stryker", r"stryker"), ("ZOLL", r"zoll"),
    ("Fujifilm", r"fujifilm|fuji photo|fujinon"), ("Konica Minolta", r"konica minolta"), ("Carestream", r"carestream"),
    ("Agfa", r"agfa"), ("Hitachi Aloka", r"hitachi aloka"), ("Canon Medical", r"toshiba medical|canon medical"),
    ("Canon", r"canon inc"), ("Varian", r"varian medical"), ("Hologic", r"hologic"), ("Barco", r"barco"), ("EIZO", r"eizo|nanao"),
    # labels, scanners, printers
    ("Zebra", r"zebra tech"), ("Intermec", r"intermec"), ("Datalogic", r"datalogic"), ("Symbol", r"symbol tech"),
    ("Brother", r"brother indust"), ("Epson", r"seiko epson"), ("Lexmark", r"lexmark"), ("Xerox", r"xerox"), ("Ricoh", r"ricoh"),
    ("Kyocera", r"kyocera (doc|corp|mita)"), ("OKI", r"oki (data|electric)"), ("SATO", r"sato "), ("Star", r"star micronics"),
    # computers
    ("Dell", r"dell\b"), ("HP", r"hewlett[- ]packard|hp inc"), ("HPE", r"hewlett packard enterprise"), ("Lenovo", r"lenovo|lcfc"),
    ("Fujitsu", r"fujitsu (limited|technology|siemens|client)"), ("IBM", r"ibm( corp|$)"), ("Acer", r"acer "), ("ASUS", r"asustek"),
    ("Apple", r"apple\b"), ("Toshiba", r"toshiba(?! medical)"), ("Panasonic", r"panasonic"),
    ("NEC", r"nec (corp|platforms|personal)"), ("Supermicro", r"super ?micro"), ("Gigabyte", r"giga-?byte"), ("MSI", r"micro-star"),
    ("Intel", r"intel (corp|$)"), ("Realtek", r"realtek"), ("Broadcom", r"broadcom"), ("Kontron", r"kontron"),
    ("Congatec", r"congatec"), ("Axiomtek", r"axiomtek"), ("AAEON", r"aaeon"), ("iEi", r"iei (integration|tech)"), ("Portwell", r"portwell"),
    ("Hon Hai", r"hon hai"), ("Liteon", r"liteon"), ("AzureWave", r"azurewave"), ("Murata", r"murata manu"), ("Wistron", r"wistron"),
    ("Quanta", r"quanta (computer|micro)"), ("Pegatron", r"pegatron"), ("Compal", r"compal"), ("Elitegroup", r"elitegroup"),
    ("ASIX", r"asix"), ("Microsoft", r"microsoft"), ("Axis", r"axis comm"), ("VIA", r"via tech"), ("3Com", r"3 ?com"),
    # virtual machines
    ("VMware", r"vmware"), ("Parallels", r"parallels"), ("Xensource", r"xensource"), ("Oracle", r"oracle corp|pcs systemtechnik"),
    ("Nutanix", r"nutanix"), ("Red Hat", r"red hat"),
    # networks
    ("Cisco", r"cisco(?! spvtg)"), ("Meraki", r"cisco meraki|meraki"), ("Linksys", r"linksys|cisco-linksys"),
    ("Aruba", r"aruba"), ("Ruckus", r"ruckus"), ("Juniper", r"juniper"), ("Extreme Networks", r"extreme networks"),
    ("Brocade", r"brocade"), ("Fortinet", r"fortinet"), ("Palo Alto Networks", r"palo alto"), ("SonicWall", r"sonicwall"),
    ("WatchGuard", r"watchguard"), ("Ubiquiti", r"ubiquiti"), ("MikroTik", r"routerboard|mikrotik"), ("TP-Link", r"tp-link"),
    ("Netgear", r"netgear"), ("D-Link", r"d-link"), ("Zyxel", r"zyxel"), ("Allied Telesis", r"allied teles"), ("H3C", r"hangzhou h3c|new h3c"),
    ("AVM", r"avm (gmbh|audio)"), ("DrayTek", r"draytek"), ("Teltonika", r"teltonika"), ("Sierra Wireless", r"sierra wireless"),
    ("Sophos", r"sophos"), ("Check Point", r"check ?point"), ("F5", r"f5 (net|inc)"), ("Arista", r"arista"),
    ("APC", r"american power conv"), ("Eaton", r"eaton corp"), ("Synology", r"synology"), ("QNAP", r"qnap"), ("NetApp", r"netapp"),
    ("Hikvision", r"hangzhou hikvision"), ("Dahua", r"zhejiang dahua"), ("Polycom", r"polycom"), ("Yealink", r"yealink|xiamen yealink"),
    ("Ascom", r"ascom"), ("Spectralink", r"spectralink"), ("Vocera", r"vocera"), ("Stanley Healthcare", r"aeroscout"),
]
# Not in the registry, but every virtual machine of QEMU and KVM begins so.
EXTRA = {"525400": "QEMU"}


def main():
    path, version = sys.argv[1:]
    compiled = [(name, re.compile(pattern, re.I)) for name, pattern in MAKERS]
    rows = dict(EXTRA)
    with open(path, encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f):
            if row["Registry"] != "MA-L":
                continue
            org = row["Organization Name"].strip()
            for name, pattern in compiled:
                if pattern.match(org):
                    # a later, more special name wins over an earlier, wider one
                    rows[row["Assignment"].upper()] = name
    print("# First 24 bits of a MAC address and the maker they were given to, by usual name.")
    print("# Source: IEEE Registration Authority, MA-L, as of Debian package ieee-data %s." % version)
    print("# Made by tools/oui.py, which holds the choice of makers; do not edit.")
    for oui in sorted(rows):
        print("%s\t%s" % (oui, rows[oui]))


main()
