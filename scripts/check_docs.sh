#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build our pages of the documentation as a separate book, with the kernel's extension
# for kernel-doc. A warning is an error. Then check that all documents exist to which
# these pages and our hunks refer.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

OUT=$TOP/build/docs
PAGES=(Documentation/core-api/swiotlb.rst Documentation/admin-guide/swiotlb.rst)

# book TREE: write the source of the book. Comments of kernel-doc come from TREE.
book() {
	local page

	rm -rf "$OUT"
	mkdir -p "$OUT/source"
	for page in "${PAGES[@]}"; do
		mkdir -p "$OUT/source/$(dirname "${page#Documentation/}")"
		cp "$1/$page" "$OUT/source/${page#Documentation/}"
	done
	cp "$1"/Documentation/core-api/swiotlb*.svg "$OUT/source/core-api/"
	{
		printf 'swiotlb\n=======\n\n.. toctree::\n\n'
		printf '   %s\n' "${PAGES[@]#Documentation/}" | sed 's/\.rst$//'
	} >"$OUT/source/index.rst"
	cat >"$OUT/source/conf.py" <<-END
		import sys
		sys.path.insert(0, "$1/Documentation/sphinx")
		project = "swiotlb"
		extensions = ["kerneldoc"]
		kerneldoc_srctree = "$1"
		kerneldoc_bin = "$1/scripts/kernel-doc"
	END
}

# references TREE: print references to documents that do not exist.
references() {
	local file name missing=0

	while read -r file name; do
		if [[ ! -e $1/$name ]]; then
			printf '%s: there is no %s\n' "${file#"$1/"}" "$name" >&2
			missing=1
		fi
	done < <(cd "$1" && grep -oHE 'Documentation/[a-z0-9/_-]+\.(rst|txt|svg|csv)' \
		"${PAGES[@]}" kernel/dma/Kconfig kernel/dma/swiotlb.c kernel/dma/swiotlb/* \
		include/linux/swiotlb.h 2>/dev/null | sort -u | tr : ' ')
	return "$missing"
}

main() {
	local base tree=$TOP/build/src-ours sphinx=/usr/share/sphinx/scripts/python3/sphinx-build

	need "$sphinx=python3-sphinx"
	base=$("$TOP/scripts/base.sh")
	python3 -B "$TOP/scripts/compose.py" --base "$base" ours
	book "$tree"
	run_logged "sphinx" "$OUT/log" 20 30 env srctree="$tree" PYTHONDONTWRITEBYTECODE=1 \
		/usr/bin/python3 "$sphinx" -W --keep-going -q -b html "$OUT/source" "$OUT/html"
	references "$tree" || die "some references lead nowhere"
	msg DOCS "${#PAGES[@]} pages, no warning: build/docs/html/index.html"
}

main "$@"
