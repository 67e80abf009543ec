# SPDX-License-Identifier: GPL-2.0-only
#
# The targets of a Makefile: "##@ Group" starts a group, "target: ... ## text"
# is a line in it.
/^##@ / {
	printf "%s%s:\n", (groups++ ? "\n" : ""), substr($0, 5)
}
/^[a-z][a-z-]*:.*## / {
	target = $0
	sub(/:.*/, "", target)
	text = $0
	sub(/.*## /, "", text)
	printf "  make %-14s %s\n", target, text
}
