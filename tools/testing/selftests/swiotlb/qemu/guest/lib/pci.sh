# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# PCI devices, and the slots that they are in.

# pci_of NODE: print the PCI device of a disk.
pci_of()
{
	readlink -f "/sys/block/$1" | sed -n 's,.*/\(0000:[0-9a-f:.]*\)/.*,\1,p'
}

# pci_disk DEVICE: print the node of the disk of a PCI device, or nothing.
pci_disk()
{
	for block in /sys/block/*; do
		case $(readlink -f "$block") in
		*/"$1"/*)
			echo "${block##*/}"
			return ;;
		esac
	done
}

# pci_port DEVICE: print the directory of the port that a device is behind.
pci_port()
{
	readlink -f "/sys/bus/pci/devices/$1/.."
}

# pci_byte PORT OFFSET: print a byte of the configuration space.
pci_byte()
{
	od -An -tu1 -j "$2" -N 1 "$1/config" | tr -d ' '
}

# pci_slot_power PORT on|off: the upper byte of Slot Control has the bit that powers off. A
# device without power reads as all ones, and its DMA has no effect.
pci_slot_power()
{
	capability=$(pci_byte "$1" 52)
	while [ "$(pci_byte "$1" "$capability")" != 16 ]; do
		[ "$capability" != 0 ] || fail "$1 has no slot"
		capability=$(pci_byte "$1" $((capability + 1)))
	done
	control=$((capability + 25))
	value=$(($(pci_byte "$1" $control) & ~4))
	[ "$2" = on ] || value=$((value | 4))
	# shellcheck disable=SC2059 # the format is the byte
	printf "\\$(printf %03o $value)" |
		dd of="$1/config" bs=1 seek=$control conv=notrunc 2> /dev/null ||
		fail "the slot of $1 cannot be switched $2"
}
