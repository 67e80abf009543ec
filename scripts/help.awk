# SPDX-License-Identifier: GPL-2.0-only
#
# Print the targets of a Makefile: "#! text" is printed literally, "##@ Group" starts a
# group, "target: ... ## text" is a line of the group.
/^#! / {
	print substr($0, 4)
}
/^##@ / {
	printf "\n%s:\n", substr($0, 5)
}
/^[a-z][a-z-]*:.*## / {
	target = $0
	sub(/:.*/, "", target)
	text = $0
	sub(/.*## /, "", text)
	printf "  make %-17s %s\n", target, text
}
