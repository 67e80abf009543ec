# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# Another kernel after this one: the same image, with the root file system of this guest.

# next_kernel SCENARIO NUMBER: make the initrd of the next kernel, and print its command line,
# which ends with APPEND. It runs that scenario, and the names of its frames begin with
# "next.". Before it starts, this kernel must report NUMBER more frames.
next_kernel()
{
	read -r seq < "$SEQUENCE"
	cat >> /etc/run.conf << END
SCENARIO='$1'
SEQUENCE_BEGIN=$((seq + $2))
FRAMES=next.
END
	(cd / && find . -xdev ! -path './boot*' | cpio -o -H newc) > /tmp/initrd 2> /dev/null ||
		fail "no initrd"
	sed "s/swiotlb=[^ ]*//; s/crashkernel=[^ ]*//; s/\$/ $APPEND/" /proc/cmdline
}
