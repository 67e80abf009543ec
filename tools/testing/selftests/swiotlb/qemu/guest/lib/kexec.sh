# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# Another kernel after this one: the same image, with the root file system of this guest.

# next_kernel SCENARIO NUMBER: print the command line of the next kernel, which runs that
# scenario with APPEND, after making its initrd. Its frames have names that begin with
# "next."; before them come NUMBER more of this kernel.
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
